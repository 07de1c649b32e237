// Axis 1.4 on Jetty 9 with the two operations that are measured. Argument: the folder that holds WEB-INF.
import org.apache.axis.transport.http.AxisServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;

public class BenchServer {
    public static void main(String[] arguments) throws Exception {
        var server = new Server();
        var connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        var context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
        context.setContextPath("/webdialer");
        context.setResourceBase(arguments[0]);
        context.addServlet(new ServletHolder(new AxisServlet()), "/services/*");
        server.setHandler(context);
        server.start();
        System.out.println(connector.getLocalPort());
        server.join();
    }
}
