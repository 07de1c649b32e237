import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * A desktop program of the CUCM Connector, as JMS programs are written: one connection, one session for what it says, one for each
 * topic it listens on. Arguments: the broker's address. It does what its input says, one line each, fields apart by tabs:
 *
 *   listen TOPIC                           say TYPE BODY ID REPLY FORMAT   (- for none)
 *
 * and prints "ready TOPIC", "said ID", and "heard TOPIC ID BODY ODD" for each message, ODD being what its headers should not be.
 */
public class Client {
    public static void main(String[] arguments) throws Exception {
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(arguments[0]);
        Connection connection = factory.createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue("Connector1"));
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        producer.setTimeToLive(60000);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = input.readLine()) != null; ) {
            String[] words = line.split("\t", -1);
            if (words[0].equals("listen")) {
                listen(connection, words[1]);
                print("ready\t" + words[1]);
                continue;
            }
            TextMessage message = session.createTextMessage(words[2]);
            message.setJMSType(words[1]);
            message.setJMSCorrelationID(words[3]);
            if (!words[4].equals("-")) {
                message.setJMSReplyTo(session.createTopic(words[4]));
            }
            if (!words[5].equals("-")) {
                message.setStringProperty("CCFormat", words[5]);
            }
            producer.send(message);
            print("said\t" + words[3]);
        }
        connection.close();
    }

    private static void listen(Connection connection, String topic) throws JMSException {
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createTopic(topic));
        consumer.setMessageListener(message -> {
            try {
                String id = message.getJMSCorrelationID();
                String text = message instanceof TextMessage ? ((TextMessage) message).getText() : null;
                print("heard\t" + topic + "\t" + (id == null ? "-" : id) + "\t" + text + "\t" + odd(message));
            } catch (JMSException error) {
                print("heard\t" + topic + "\t-\t" + error + "\tunreadable");
            }
        });
    }

    /** What a message of the connector's never has. */
    private static String odd(Message message) throws JMSException {
        List<String> odd = new ArrayList<>();
        if (!"".equals(message.getJMSType())) {
            odd.add("JMSType=" + message.getJMSType());
        }
        if (!(message instanceof TextMessage)) {
            odd.add(message.getClass().getSimpleName());
        }
        if (message.getJMSDeliveryMode() != DeliveryMode.NON_PERSISTENT) {
            odd.add("persistent");
        }
        if (message.getJMSPriority() != 4 || message.getJMSExpiration() != 0) {
            odd.add("priority=" + message.getJMSPriority() + ",expiration=" + message.getJMSExpiration());
        }
        if (message.getJMSReplyTo() != null || message.getPropertyNames().hasMoreElements()) {
            odd.add("JMSReplyTo or properties");
        }
        return String.join(",", odd);
    }

    private static synchronized void print(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
