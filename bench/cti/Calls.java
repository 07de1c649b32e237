import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * Agents who place calls, by ActiveMQ's own client: how long it takes from MakeCall to its first DialogState.
 *
 *   java Calls URL FIRST AGENTS RATE SECONDS     so many calls a second by agents whose extensions count from FIRST
 *
 * Each calls a number that rings and hangs up again once it rings. Prints calls a second, p50, p99 and the longest in microseconds.
 */
public class Calls {
    static final String TOPIC = "cc.calls", NUMBER = "5550108";

    record Asked(long at, int agent) {}

    static volatile Session session;
    static MessageProducer producer;

    static void say(Session session, String type, String body, String correlation) throws Exception {
        TextMessage message = session.createTextMessage(body);
        message.setJMSType(type);
        message.setJMSCorrelationID(correlation);
        synchronized (producer) {
            producer.send(message);
        }
    }

    public static void main(String[] words) throws Exception {
        String url = words[0];
        int first = Integer.parseInt(words[1]), agents = Integer.parseInt(words[2]);
        int rate = Integer.parseInt(words[3]), seconds = Integer.parseInt(words[4]);
        Connection connection = new ActiveMQConnectionFactory(url).createConnection();
        connection.start();
        Session hears = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session says = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        producer = says.createProducer(says.createQueue("Connector1"));
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        ConcurrentHashMap<String, Asked> asked = new ConcurrentHashMap<>();
        Semaphore[] free = new Semaphore[agents];
        Arrays.setAll(free, n -> new Semaphore(1));
        long[] taken = new long[rate * seconds];
        int[] count = {0, 0};
        CountDownLatch in = new CountDownLatch(agents);
        hears.createConsumer(hears.createTopic(TOPIC)).setMessageListener(message -> {
            try {
                String text = ((TextMessage) message).getText();
                String correlation = message.getJMSCorrelationID();
                String[] parts = text.split("#");
                if (text.contains("#DialogState#NONE#")) {
                    in.countDown();
                } else if (parts[1].equals("Error")) {
                    count[1]++;
                    System.err.println(text);
                } else if (parts[1].equals("DialogState")) {
                    Asked call = correlation == null ? null : asked.remove(correlation);
                    if (call != null) {
                        taken[count[0]++] = System.nanoTime() - call.at;
                        say(says, "ReleaseCall#" + parts[0], parts[4], "r" + correlation);
                    } else if (parts[2].equals("DROPPED")) {
                        free[Integer.parseInt(parts[0]) - first].release();
                    }
                }
            } catch (Exception broken) {
                broken.printStackTrace();
            }
        });
        say(says, "Hello#" + TOPIC, "", "h");
        for (int n = 0; n < agents; n++) say(says, "Login#" + (first + n), TOPIC, "l" + n);
        in.await();
        long begun = System.nanoTime();
        for (int n = 0; n < rate * seconds; n++) {
            long due = begun + n * 1_000_000_000L / rate;
            while (System.nanoTime() < due) LockSupport.parkNanos(Math.max(1, due - System.nanoTime()));
            int agent = n % agents;
            free[agent].acquire();
            String correlation = "m" + n;
            // From when it was due: what holds the sender up counts too.
            asked.put(correlation, new Asked(due, agent));
            say(says, "MakeCall#" + (first + agent), NUMBER, correlation);
        }
        long until = System.nanoTime() + 5_000_000_000L;
        while (count[0] + count[1] < rate * seconds && System.nanoTime() < until) LockSupport.parkNanos(1_000_000);
        double took = (System.nanoTime() - begun) / 1e9;
        long[] sorted = Arrays.copyOf(taken, count[0]);
        Arrays.sort(sorted);
        System.out.printf("%d %d %.0f %d %d %d%n", count[0], count[1], count[0] / took, sorted[sorted.length / 2] / 1000,
            sorted[sorted.length * 99 / 100] / 1000, sorted[sorted.length - 1] / 1000);
        connection.close();
    }
}
