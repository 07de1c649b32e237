import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/**
 * Extension Mobility as a program with HttpURLConnection asks it. Arguments: the servlet's address, form, document.
 * Prints the status on one line, then the body.
 */
public class Client {
    public static void main(String[] arguments) throws Exception {
        String address = arguments[0], form = arguments[1], document = arguments[2];
        String pair = "xml=" + URLEncoder.encode(document, "UTF-8");
        HttpURLConnection connection;
        switch (form) {
            case "post":
                connection = open(address);
                write(connection, "application/x-www-form-urlencoded", pair);
                break;
            case "post-chunked":
                connection = open(address);
                connection.setChunkedStreamingMode(16);
                write(connection, "application/x-www-form-urlencoded", pair);
                break;
            case "multipart":
                connection = open(address);
                String part = "--b0undary\r\nContent-Disposition: form-data; name=\"xml\"\r\n\r\n" + document + "\r\n--b0undary--\r\n";
                write(connection, "multipart/form-data; boundary=b0undary", part);
                break;
            case "get":
                connection = open(address + "?" + pair);
                break;
            // The class sends an address as it is, angle brackets and all.
            case "get-raw":
                connection = open(address + "?xml=" + document);
                break;
            default:
                throw new IllegalArgumentException(form);
        }
        int status = connection.getResponseCode();
        InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        System.out.print(status + "\n" + new String(body.readAllBytes(), StandardCharsets.UTF_8));
    }

    private static HttpURLConnection open(String address) throws Exception {
        return (HttpURLConnection) new URL(address).openConnection();
    }

    private static void write(HttpURLConnection connection, String type, String body) throws Exception {
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Content-Type", type);
        connection.setDoOutput(true);
        connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
    }
}
