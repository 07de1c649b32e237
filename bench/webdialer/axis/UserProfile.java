public class UserProfile {
    private String user;
    private String deviceName;
    private String lineNumber;
    public String getUser() { return user; }
    public void setUser(String value) { user = value; }
    public String getDeviceName() { return deviceName; }
    public void setDeviceName(String value) { deviceName = value; }
    public String getLineNumber() { return lineNumber; }
    public void setLineNumber(String value) { lineNumber = value; }
}
