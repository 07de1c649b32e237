// The bean behind Axis: it looks at what it is given and answers, and does nothing else.
public class WebDialer {
    public CallResponse makeCallSoap(Credential credential, String destination, UserProfile profile) {
        var response = new CallResponse();
        boolean complete = credential.getUserID() != null && "p".equals(credential.getPassword())
            && !destination.isEmpty() && profile.getDeviceName() != null;
        response.setResponseCode(complete ? 0 : 5);
        response.setResponseDescription(complete ? "Success" : "Missing parameters in the request");
        return response;
    }

    public boolean isClusterUserSoap(String user) {
        return user.startsWith("p");
    }
}
