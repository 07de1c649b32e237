import java.util.Date;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.QueueRequestor;
import javax.jms.QueueSession;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * What JMS programs do beside the plain way: every kind of message, request and reply by temporary queues, selectors, priorities,
 * transactions. Argument: the broker's address. Prints a line for each answer: what was asked, its correlation id, its text.
 */
public class Odd {
    private static final long LIMIT = 15000;
    private static Session session;
    private static MessageProducer producer;
    private static MessageConsumer consumer;
    private static int number;

    public static void main(String[] arguments) throws Exception {
        ActiveMQConnection connection = (ActiveMQConnection) new ActiveMQConnectionFactory(arguments[0]).createConnection();
        connection.start();
        session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        producer = session.createProducer(session.createQueue("Connector1"));
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        consumer = session.createConsumer(session.createTopic("cc.o"));

        say("Hello#cc.o", session.createTextMessage());
        tell("a text that is null", 1);
        say("Login#42031", session.createTextMessage("cc.o"));
        tell("a login", 3);

        kinds();
        replies(connection);
        selectors();
        priorities();
        transactions(connection);
        ids();
        connection.close();
    }

    /** CC-58. */
    private static void kinds() throws JMSException {
        BytesMessage digits = session.createBytesMessage();
        digits.writeBytes(new byte[] {'5', '5', '0', '8'});
        say("MakeCall#42031", digits);
        tell("a number in bytes", 3);
        say("ReleaseCall#42031", session.createTextMessage("16777217"));
        tell("its end", 2);
        BytesMessage noText = session.createBytesMessage();
        noText.writeBytes(new byte[] {(byte) 0xff, (byte) 0xfe});
        MapMessage map = session.createMapMessage();
        map.setString("number", "5508");
        StreamMessage stream = session.createStreamMessage();
        stream.writeString("5508");
        Message[] messages = {noText, map, stream, session.createObjectMessage(new Date(0)), session.createMessage()};
        for (Message message : messages) {
            say("MakeCall#42031", message);
            tell(message.getClass().getSimpleName(), 1);
        }
    }

    /** CC-07, CC-08. */
    private static void replies(ActiveMQConnection connection) throws JMSException {
        TemporaryQueue back = session.createTemporaryQueue();
        MessageConsumer answers = session.createConsumer(back);
        TextMessage hello = session.createTextMessage("");
        hello.setJMSReplyTo(back);
        say("Hello#cc.o", hello);
        print("to a temporary queue", answers.receive(LIMIT));
        tell("and to the topic", 1);
        answers.close();
        back.delete();
        QueueSession queues = connection.createQueueSession(false, Session.AUTO_ACKNOWLEDGE);
        QueueRequestor requestor = new QueueRequestor(queues, queues.createQueue("Connector1"));
        TextMessage request = queues.createTextMessage("");
        request.setJMSType("GetState#42031");
        request.setJMSCorrelationID("requestor");
        print("a QueueRequestor", requestor.request(request));
        requestor.close();
    }

    /** Selectors of JMSCorrelationID and JMSType work at the broker. */
    private static void selectors() throws JMSException {
        MessageConsumer ours = session.createConsumer(session.createTopic("cc.o"), "JMSCorrelationID = 'mine' AND JMSType = ''");
        for (String id : new String[] {"yours", "mine"}) {
            TextMessage hello = session.createTextMessage("");
            hello.setJMSType("Hello#cc.o");
            hello.setJMSCorrelationID(id);
            producer.send(hello);
        }
        print("selected", ours.receive(LIMIT));
        ours.close();
        tell("all", 2);
    }

    /** CC-67. */
    private static void priorities() throws JMSException {
        for (int priority : new int[] {0, 9, 4, 9, 0}) {
            producer.setPriority(priority);
            say("MakeNotReadyWithReason#42031", session.createTextMessage("p" + number));
        }
        producer.setPriority(Message.DEFAULT_PRIORITY);
        tell("in the order sent", 5);
    }

    /** What is rolled back was never said; what is committed is said in its order. */
    private static void transactions(Connection connection) throws JMSException {
        Session transacted = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer sender = transacted.createProducer(transacted.createQueue("Connector1"));
        for (String id : new String[] {"rolled back", "committed", "committed too"}) {
            TextMessage hello = transacted.createTextMessage("");
            hello.setJMSType("Hello#cc.o");
            hello.setJMSCorrelationID(id);
            sender.send(hello);
            if (id.equals("rolled back")) {
                transacted.rollback();
            }
        }
        transacted.commit();
        tell("a transaction", 2);
        transacted.close();
    }

    /** CC-55, CC-60, CC-63. */
    private static void ids() throws JMSException {
        StringBuilder id = new StringBuilder("\"ö\" '€' ");
        while (id.length() < 200) {
            id.append('x');
        }
        TextMessage hello = session.createTextMessage("");
        hello.setJMSType("Hello#cc.o");
        hello.setJMSCorrelationID(id.toString());
        producer.send(hello);
        tell("200 characters", 1);
        while (id.length() < 300) {
            id.append('x');
        }
        hello.setJMSCorrelationID(id.toString());
        producer.send(hello);
        tell("300 characters", 1);
        for (String type : new String[] {null, "Hello", "Hello#cc.>", "Hello#queue://q", "Dance#42031"}) {
            TextMessage odd = session.createTextMessage("");
            odd.setJMSReplyTo(session.createTopic("cc.o"));
            say(type, odd);
            tell(String.valueOf(type), 1);
        }
    }

    private static void say(String type, Message message) throws JMSException {
        message.setJMSType(type);
        message.setJMSCorrelationID("o" + ++number);
        producer.send(message);
    }

    private static void tell(String what, int count) throws JMSException {
        for (int n = 0; n < count; n++) {
            print(what, consumer.receive(LIMIT));
        }
    }

    private static void print(String what, Message message) throws JMSException {
        if (message == null) {
            System.out.println(what + "\t-\tnothing came");
            return;
        }
        String id = message.getJMSCorrelationID();
        String text = message instanceof TextMessage ? ((TextMessage) message).getText() : message.getClass().getSimpleName();
        System.out.println(what + "\t" + (id == null ? "-" : id) + "\t" + text);
    }
}
