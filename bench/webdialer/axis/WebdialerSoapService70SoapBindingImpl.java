// The bean behind Axis, in the place where WSDL2Java puts an empty one: it looks at what it is given and answers, no more.
package WD70;

public class WebdialerSoapService70SoapBindingImpl implements WDSoapInterface {
    public CallResponse makeCallSoap(Credential credential, String destination, UserProfile profile) {
        boolean complete = credential.getUserID() != null && "p".equals(credential.getPassword())
            && !destination.isEmpty() && profile.getDeviceName() != null;
        var response = new CallResponse();
        response.setResponseCode(complete ? 0 : 5);
        response.setResponseDescription(complete ? "Success" : "Missing parameters in the request");
        return response;
    }

    public boolean isClusterUserSoap(String user) {
        return user.startsWith("p");
    }

    public CallResponse endCallSoap(Credential credential, UserProfile profile) {
        throw new UnsupportedOperationException();
    }

    public GetConfigResponse getProfileSoap(Credential credential, String user) {
        throw new UnsupportedOperationException();
    }

    public ConfigResponseDetail getProfileDetailSoap(Credential credential) {
        throw new UnsupportedOperationException();
    }

    public String getPrimaryLine(Credential credential) {
        throw new UnsupportedOperationException();
    }
}
