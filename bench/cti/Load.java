import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * ActiveMQ's own client as a load.
 *
 *   java Load send URL queue|topic CONSUMERS persistent|passing SECONDS   messages a second from one producer to so many consumers
 *   java Load echo URL                                                    answers each Hello on its topic, until it is stopped
 *   java Load hello URL QUEUE COUNT                                       Hello to its answer: p50 and p99 in microseconds
 */
public class Load {
    /** So many messages are on their way at most: neither broker is to hold up or drop anything. */
    static final int WINDOW = 2_000;
    static final String TEXT = "42031#DialogState#ACTIVE#2026-11-21 10:00:03#16777217#42032".repeat(3).substring(0, 150);

    static Connection connect(String url) throws Exception {
        Connection connection = new ActiveMQConnectionFactory(url).createConnection();
        connection.start();
        return connection;
    }

    static Session session(Connection connection) throws Exception {
        return connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    static void send(String url, boolean topic, int consumers, boolean persistent, int seconds) throws Exception {
        String name = "bench." + System.nanoTime();
        AtomicLong[] seen = new AtomicLong[consumers];
        for (int n = 0; n < consumers; n++) {
            AtomicLong mine = seen[n] = new AtomicLong();
            Session session = session(connect(url));
            Destination from = topic ? session.createTopic(name) : session.createQueue(name);
            session.createConsumer(from).setMessageListener(message -> mine.lazySet(mine.get() + 1));
        }
        Session session = session(connect(url));
        MessageProducer producer = session.createProducer(topic ? session.createTopic(name) : session.createQueue(name));
        producer.setDeliveryMode(persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        long sent = 0, from = 0, begun = 0;
        // A third of the time to warm up.
        long warm = System.nanoTime() + seconds * 333_333_333L, until = System.nanoTime() + seconds * 1_333_333_333L;
        while (true) {
            if ((sent & 63) == 0) {
                long now = System.nanoTime();
                if (begun == 0 && now > warm) {
                    begun = now;
                    from = slowest(seen);
                }
                if (now > until) break;
                while (sent - slowest(seen) > WINDOW / (consumers > 1 ? 4 : 1)) LockSupport.parkNanos(50_000);
            }
            TextMessage message = session.createTextMessage(TEXT);
            message.setJMSType("");
            producer.send(message);
            sent++;
        }
        long passed = System.nanoTime() - begun;
        System.out.println((long) ((slowest(seen) - from) * 1e9 / passed));
    }

    static long slowest(AtomicLong[] seen) {
        long least = Long.MAX_VALUE;
        for (AtomicLong one : seen) least = Math.min(least, one.get());
        return least;
    }

    static void echo(String url) throws Exception {
        Session session = session(connect(url));
        MessageProducer producer = session.createProducer(null);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        session.createConsumer(session.createQueue("Echo")).setMessageListener(message -> {
            try {
                String topic = message.getJMSType().substring("Hello#".length());
                TextMessage answer = session.createTextMessage("System#IN_SERVICE");
                answer.setJMSType("");
                answer.setJMSCorrelationID(message.getJMSCorrelationID());
                producer.send(session.createTopic(topic), answer);
            } catch (Exception error) {
                error.printStackTrace();
                System.exit(1);
            }
        });
        System.out.println("ready");
        new CountDownLatch(1).await();
    }

    static void hello(String url, String queue, int count) throws Exception {
        Session session = session(connect(url));
        String topic = "cc.bench" + System.nanoTime();
        MessageConsumer consumer = session.createConsumer(session.createTopic(topic));
        Session sending = session(connect(url));
        MessageProducer producer = sending.createProducer(sending.createQueue(queue));
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        long[] took = new long[count];
        for (int n = -count / 4; n < count; n++) {
            TextMessage hello = sending.createTextMessage("");
            hello.setJMSType("Hello#" + topic);
            hello.setJMSCorrelationID("k" + n);
            long begun = System.nanoTime();
            producer.send(hello);
            Message answer = consumer.receive(10_000);
            if (n >= 0) took[n] = System.nanoTime() - begun;
            if (answer == null || !answer.getJMSCorrelationID().equals("k" + n)) throw new IllegalStateException("no answer to " + n);
        }
        Arrays.sort(took);
        System.out.println(took[count / 2] / 1000 + " " + took[count * 99 / 100] / 1000);
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "send" -> send(args[1], args[2].equals("topic"), Integer.parseInt(args[3]), args[4].equals("persistent"), Integer.parseInt(args[5]));
            case "echo" -> echo(args[1]);
            case "hello" -> hello(args[1], args[2], Integer.parseInt(args[3]));
            default -> throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }
}
