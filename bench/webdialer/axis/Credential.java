public class Credential {
    private String userID;
    private String password;
    public String getUserID() { return userID; }
    public void setUserID(String value) { userID = value; }
    public String getPassword() { return password; }
    public void setPassword(String value) { password = value; }
}
