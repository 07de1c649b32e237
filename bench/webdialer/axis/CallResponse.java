public class CallResponse {
    private int responseCode;
    private String responseDescription;
    public int getResponseCode() { return responseCode; }
    public void setResponseCode(int value) { responseCode = value; }
    public String getResponseDescription() { return responseDescription; }
    public void setResponseDescription(String value) { responseDescription = value; }
}
