import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.InvalidClientIDException;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.ObjectMessage;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.RedeliveryPolicy;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQMessage;

/**
 * ActiveMQ's own client plays the cases of docs/protocols/openwire.md §13 that its API can play.
 *
 *   java Cases tcp://127.0.0.1:61616 [case…]         one line for each case; ends with 1 if one failed
 *   java Cases --user NAME --password WORD tcp://…   only that, and that a wrong word is refused
 */
public class Cases {
    static final long LIMIT = 20_000;
    static final long NOTHING = 400;

    interface Body { void run() throws Exception; }

    final URI broker;
    final Map<String, Body> cases = new LinkedHashMap<>();
    final List<Connection> open = new CopyOnWriteArrayList<>();

    Cases(String broker) {
        this.broker = URI.create(broker);
        cases.put("ow_21", this::encodings);
        cases.put("ow_22", this::mixed);
        cases.put("ow_27", this::idle);
        cases.put("ow_29", this::clientId);
        cases.put("ow_36", this::headers);
        cases.put("ow_37", this::order);
        cases.put("ow_38", this::turns);
        cases.put("ow_40", this::clientAcknowledge);
        cases.put("ow_41", this::individualAcknowledge);
        cases.put("ow_42", this::redelivery);
        cases.put("ow_43", this::poison);
        cases.put("ow_44", this::timeToLive);
        cases.put("ow_46", this::transactedSend);
        cases.put("ow_47", this::transactedReceive);
        cases.put("ow_48", this::transactionCut);
        cases.put("ow_50", this::durable);
        cases.put("ow_51", this::durableRefused);
        cases.put("ow_52", this::temporary);
        cases.put("ow_53", this::advisories);
        cases.put("ow_54", this::service);
        cases.put("ow_55", this::selectors);
        cases.put("ow_57", this::selectorOfAQueue);
        cases.put("ow_58", this::wildcards);
        cases.put("ow_59", this::composite);
        cases.put("ow_60", this::browse);
        cases.put("ow_61", this::pull);
        cases.put("ow_62", this::should);
        cases.put("ow_63", this::bodies);
        cases.put("ow_64", this::publisherCut);
        cases.put("ow_65", this::failover);
    }

    // What the cases say.

    static void must(String what, Object seen, Object expected) {
        if (!String.valueOf(seen).equals(String.valueOf(expected))) {
            throw new AssertionError(what + ": expected " + expected + ", got " + seen);
        }
    }

    static void must(String what, boolean true_) {
        if (!true_) throw new AssertionError(what);
    }

    ActiveMQConnectionFactory factory(String options) {
        return new ActiveMQConnectionFactory(broker + (options.isEmpty() ? "" : "?" + options));
    }

    Connection connect(String options) throws JMSException {
        return started(factory(options).createConnection());
    }

    Connection started(Connection connection) throws JMSException {
        open.add(connection);
        connection.start();
        return connection;
    }

    Connection connect() throws JMSException {
        return connect("");
    }

    static Session session(Connection connection) throws JMSException {
        return connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    static void send(Session session, Destination to, String... texts) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        for (String text : texts) producer.send(session.createTextMessage(text));
        producer.close();
    }

    static String text(Message message) throws JMSException {
        return message == null ? null : ((TextMessage) message).getText();
    }

    static List<String> receive(MessageConsumer consumer, int count) throws JMSException {
        List<String> got = new ArrayList<>();
        while (got.size() < count) {
            Message message = consumer.receive(LIMIT);
            if (message == null) throw new AssertionError("only " + got + " of " + count);
            got.add(text(message));
        }
        return got;
    }

    static void nothing(String what, MessageConsumer consumer) throws JMSException {
        must(what, text(consumer.receive(NOTHING)), null);
    }

    static String[] numbers(int from, int to) {
        String[] all = new String[to - from];
        for (int n = from; n < to; n++) all[n - from] = Integer.toString(n);
        return all;
    }

    static int count(Message message) throws JMSException {
        return message.getIntProperty("JMSXDeliveryCount") - 1;
    }

    // 13.2

    void encodings() throws Exception {
        for (int version = 1; version <= 12; version++) {
            for (String tight : new String[] {"true", "false"}) {
                for (String cache : new String[] {"true", "false"}) {
                    String options = "wireFormat.version=" + version + "&wireFormat.tightEncodingEnabled=" + tight
                        + "&wireFormat.cacheEnabled=" + cache;
                    String name = "ow21." + version + "." + tight + "." + cache;
                    Connection one = connect(options);
                    Connection other = connect();
                    exchange(one, other, name + ".out");
                    exchange(other, one, name + ".back");
                    one.close();
                    other.close();
                }
            }
        }
    }

    void exchange(Connection from, Connection to, String name) throws JMSException {
        Session reading = session(to), writing = session(from);
        MessageConsumer consumer = reading.createConsumer(reading.createQueue(name));
        MessageProducer producer = writing.createProducer(writing.createQueue(name));
        for (int n = 0; n < 3; n++) {
            TextMessage sent = writing.createTextMessage("text " + n);
            sent.setJMSType("MakeCall#" + n);
            sent.setJMSCorrelationID("k" + n);
            sent.setJMSReplyTo(writing.createTopic("replies"));
            sent.setIntProperty("n", n);
            producer.send(sent);
            Message got = consumer.receive(LIMIT);
            must(name, text(got), "text " + n);
            must(name, got.getJMSType(), "MakeCall#" + n);
            must(name, got.getJMSCorrelationID(), "k" + n);
            must(name, got.getJMSReplyTo(), "topic://replies");
            must(name, got.getIntProperty("n"), n);
        }
        reading.close();
        writing.close();
    }

    void mixed() throws Exception {
        String[] kinds = {
            "wireFormat.version=3&wireFormat.tightEncodingEnabled=false&wireFormat.cacheEnabled=false",
            "wireFormat.version=12&wireFormat.tightEncodingEnabled=true&wireFormat.cacheEnabled=true",
        };
        List<Session> sessions = new ArrayList<>();
        List<MessageConsumer> consumers = new ArrayList<>();
        for (String kind : kinds) {
            Session session = session(connect(kind));
            sessions.add(session);
            consumers.add(session.createConsumer(session.createTopic("ow22")));
        }
        for (Session session : sessions) send(session, session.createTopic("ow22"), "a", "ü");
        for (MessageConsumer consumer : consumers) must("all", receive(consumer, 4), List.of("a", "ü", "a", "ü"));
    }

    void idle() throws Exception {
        Connection connection = connect("wireFormat.maxInactivityDuration=1500&wireFormat.maxInactivityDurationInitalDelay=500");
        List<Exception> heard = new CopyOnWriteArrayList<>();
        connection.setExceptionListener(heard::add);
        Session session = session(connection);
        MessageConsumer consumer = session.createConsumer(session.createTopic("ow27"));
        Thread.sleep(5_000);
        send(session, session.createTopic("ow27"), "awake");
        must("after the pause", receive(consumer, 1), List.of("awake"));
        must("exceptions", heard, List.of());
    }

    void clientId() throws Exception {
        Connection first = factory("").createConnection();
        open.add(first);
        first.setClientID("ow29");
        first.start();
        Connection second = factory("").createConnection();
        open.add(second);
        try {
            second.setClientID("ow29");
            second.start();
            throw new AssertionError("the second was let in");
        } catch (InvalidClientIDException refused) {
            must(refused.getMessage(), refused.getMessage().contains("Client: ow29 already connected from tcp://"));
        }
        Session session = session(first);
        MessageConsumer consumer = session.createConsumer(session.createQueue("ow29"));
        send(session, session.createQueue("ow29"), "unharmed");
        must("the first", receive(consumer, 1), List.of("unharmed"));
        first.close();
        Connection third = factory("").createConnection();
        open.add(third);
        third.setClientID("ow29");
        third.start();
    }

    // 13.3

    void headers() throws Exception {
        Session session = session(connect());
        Queue queue = session.createQueue("ow36");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        TextMessage sent = session.createTextMessage("body");
        sent.setJMSType("Hello#c1");
        sent.setJMSCorrelationID("k");
        sent.setJMSReplyTo(session.createTopic("replies"));
        producer.send(sent, DeliveryMode.NON_PERSISTENT, 7, 5_000);
        Message got = consumer.receive(LIMIT);
        must("text", text(got), "body");
        must("type", got.getJMSType(), "Hello#c1");
        must("correlation id", got.getJMSCorrelationID(), "k");
        must("reply to", got.getJMSReplyTo(), "topic://replies");
        must("destination", got.getJMSDestination(), "queue://ow36");
        must("priority", got.getJMSPriority(), 7);
        must("mode", got.getJMSDeliveryMode(), DeliveryMode.NON_PERSISTENT);
        must("id", got.getJMSMessageID(), sent.getJMSMessageID());
        must("time to live", got.getJMSExpiration() - got.getJMSTimestamp(), 5_000);
        must("count", count(got), 0);
        must("redelivered", got.getJMSRedelivered(), false);
    }

    void order() throws Exception {
        Session session = session(connect());
        Queue queue = session.createQueue("ow37");
        send(session, queue, numbers(0, 1000));
        MessageConsumer consumer = session.createConsumer(queue);
        must("order", receive(consumer, 1000), Arrays.asList(numbers(0, 1000)));
        nothing("a thousand and one", consumer);
    }

    void turns() throws Exception {
        Session one = session(connect("jms.prefetchPolicy.all=1")), two = session(connect("jms.prefetchPolicy.all=1"));
        MessageConsumer[] consumers = {one.createConsumer(one.createQueue("ow38")), two.createConsumer(two.createQueue("ow38"))};
        send(one, one.createQueue("ow38"), numbers(0, 20));
        Set<Integer> seen = new TreeSet<>();
        int[] each = {0, 0};
        long until = System.currentTimeMillis() + LIMIT;
        while (seen.size() < 20 && System.currentTimeMillis() < until) {
            for (int at = 0; at < 2; at++) {
                Message message = consumers[at].receive(50);
                if (message == null) continue;
                must("once", seen.add(Integer.valueOf(text(message))));
                each[at]++;
            }
        }
        must("all", seen.size(), 20);
        must("both", each[0] >= 5 && each[1] >= 5);
    }

    void clientAcknowledge() throws Exception {
        Connection connection = connect();
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Queue queue = session.createQueue("ow40");
        send(session, queue, "1", "2", "3", "4");
        MessageConsumer consumer = session.createConsumer(queue);
        consumer.receive(LIMIT);
        consumer.receive(LIMIT).acknowledge();
        must("third", text(consumer.receive(LIMIT)), "3");
        session.close();
        Session next = session(connection);
        consumer = next.createConsumer(queue);
        Message third = consumer.receive(LIMIT), fourth = consumer.receive(LIMIT);
        must("again", text(third) + text(fourth), "34");
        must("counters", count(third) + " " + count(fourth), "1 0");
    }

    void individualAcknowledge() throws Exception {
        Connection connection = connect();
        Session session = connection.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        Queue queue = session.createQueue("ow41");
        send(session, queue, "1", "2", "3");
        MessageConsumer consumer = session.createConsumer(queue);
        consumer.receive(LIMIT);
        Message second = consumer.receive(LIMIT);
        consumer.receive(LIMIT);
        second.acknowledge();
        session.close();
        Session next = session(connection);
        must("again", receive(next.createConsumer(queue), 2), List.of("1", "3"));
    }

    void redelivery() throws Exception {
        // Prefetched and never given to the program: nothing counted. The socket cut: everything counted.
        for (boolean cut : new boolean[] {false, true}) {
            String name = "ow42." + cut;
            try (Proxy proxy = new Proxy(broker)) {
                Connection far = started(new ActiveMQConnectionFactory(proxy.url()).createConnection());
                Session session = session(far);
                Session near = session(connect());
                send(near, near.createQueue(name), "1", "2");
                MessageConsumer consumer = session.createConsumer(session.createQueue(name));
                // It has them when it has given the first to nobody: the browser of the client's own window is its count.
                until(() -> ((org.apache.activemq.ActiveMQMessageConsumer) consumer).getMessageSize() == 2);
                if (cut) proxy.cut(); else consumer.close();
                MessageConsumer next = near.createConsumer(near.createQueue(name));
                for (String expected : new String[] {"1", "2"}) {
                    Message got = next.receive(LIMIT);
                    must("text", text(got), expected);
                    must("counter", count(got), cut ? 1 : 0);
                }
            }
        }
    }

    void poison() throws Exception {
        ActiveMQConnection connection = (ActiveMQConnection) connect();
        RedeliveryPolicy once = connection.getRedeliveryPolicy();
        once.setMaximumRedeliveries(1);
        once.setInitialRedeliveryDelay(0);
        once.setRedeliveryDelay(0);
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = session.createQueue("ow43");
        MessageConsumer consumer = session.createConsumer(queue);
        Session other = session(connect());
        MessageConsumer dead = other.createConsumer(other.createQueue("ActiveMQ.DLQ"), "case43 = TRUE");
        for (int mode : new int[] {DeliveryMode.PERSISTENT, DeliveryMode.NON_PERSISTENT}) {
            TextMessage sent = other.createTextMessage("bad " + mode);
            sent.setBooleanProperty("case43", true);
            other.createProducer(queue).send(sent, mode, 4, 0);
            for (int attempt = 0; attempt < 2; attempt++) {
                must("attempt", text(consumer.receive(LIMIT)), "bad " + mode);
                session.rollback();
            }
            nothing("given up", consumer);
        }
        ActiveMQMessage buried = (ActiveMQMessage) dead.receive(LIMIT);
        must("the persistent one", text(buried), "bad " + DeliveryMode.PERSISTENT);
        must("where it was", buried.getOriginalDestination(), "queue://ow43");
        must("why", buried.getStringProperty("dlqDeliveryFailureCause") != null);
        nothing("the other is gone", dead);
    }

    void timeToLive() throws Exception {
        Session session = session(connect());
        Queue queue = session.createQueue("ow44");
        MessageProducer producer = session.createProducer(queue);
        producer.send(session.createTextMessage("short"), DeliveryMode.NON_PERSISTENT, 4, 300);
        producer.send(session.createTextMessage("long"), DeliveryMode.NON_PERSISTENT, 4, 60_000);
        Thread.sleep(2_500);
        must("browsed", browse(session, queue, null), List.of("long"));
        MessageConsumer consumer = session.createConsumer(queue);
        must("received", receive(consumer, 1), List.of("long"));
        nothing("nothing else", consumer);
    }

    void transactedSend() throws Exception {
        Connection connection = connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session other = session(connection);
        MessageConsumer consumer = other.createConsumer(other.createQueue("ow46"));
        Queue queue = session.createQueue("ow46");
        send(session, queue, "never");
        session.rollback();
        send(session, queue, "1", "2");
        nothing("before the commit", consumer);
        session.commit();
        must("after it", receive(consumer, 2), List.of("1", "2"));
        nothing("nothing else", consumer);
    }

    void transactedReceive() throws Exception {
        Connection connection = connect();
        Queue queue = session(connection).createQueue("ow47");
        send(session(connection), queue, "1", "2", "3", "4", "5");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        must("first", receive(consumer, 1), List.of("1"));
        session.commit();
        must("second", receive(consumer, 1), List.of("2"));
        session.rollback();
        Message again = consumer.receive(LIMIT);
        must("second again", text(again) + count(again), "21");
        session.commit();
        session.close();
        must("left", receive(session(connection).createConsumer(queue), 3), List.of("3", "4", "5"));
    }

    void transactionCut() throws Exception {
        try (Proxy proxy = new Proxy(broker)) {
            Session near = session(connect());
            Queue queue = near.createQueue("ow48");
            send(near, queue, "taken");
            Connection far = started(new ActiveMQConnectionFactory(proxy.url()).createConnection());
            Session session = far.createSession(true, Session.SESSION_TRANSACTED);
            must("taken", receive(session.createConsumer(session.createQueue("ow48")), 1), List.of("taken"));
            send(session, session.createQueue("ow48"), "never");
            proxy.cut();
            MessageConsumer consumer = near.createConsumer(queue);
            Message got = consumer.receive(LIMIT);
            must("back", text(got) + count(got), "taken1");
            nothing("never sent", consumer);
        }
    }

    Session durableSession() throws JMSException {
        Connection connection = factory("").createConnection();
        open.add(connection);
        connection.setClientID("ow50");
        connection.start();
        last = connection;
        return session(connection);
    }

    Connection last;

    void durable() throws Exception {
        Session session = durableSession();
        Topic topic = session.createTopic("ow50");
        session.createDurableSubscriber(topic, "s");
        last.close();
        Session other = session(connect());
        send(other, topic, "1", "2", "3");
        session = durableSession();
        must("kept", receive(session.createDurableSubscriber(topic, "s"), 3), List.of("1", "2", "3"));
        last.close();
        session = durableSession();
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        nothing("once", consumer);
        consumer.close();
        session.unsubscribe("s");
        send(other, topic, "4");
        nothing("unsubscribed", session.createDurableSubscriber(topic, "s"));
        last.close();
        session = durableSession();
        session.unsubscribe("s");
    }

    void durableRefused() throws Exception {
        Session session = durableSession();
        Topic topic = session.createTopic("ow51");
        session.createDurableSubscriber(topic, "s");
        refused("Durable consumer is in use for client: ow50 and subscriptionName: s",
            () -> session(last).createDurableSubscriber(topic, "s"));
        refused("Durable consumer is in use", () -> session.unsubscribe("s"));
        refused("No durable subscription exists for clientID: ow50 and subscriptionName: x", () -> session.unsubscribe("x"));
        last.close();
        Session other = session(connect());
        send(other, topic, "old");
        Session again = durableSession();
        MessageConsumer changed = again.createDurableSubscriber(topic, "s", "JMSPriority >= 0", false);
        nothing("begins anew", changed);
        changed.close();
        again.unsubscribe("s");
    }

    static void refused(String expected, Body body) throws Exception {
        try {
            body.run();
        } catch (JMSException refused) {
            must(refused.getMessage(), refused.getMessage().startsWith(expected));
            return;
        }
        throw new AssertionError("not refused: " + expected);
    }

    void temporary() throws Exception {
        Session asks = session(connect()), answers = session(connect());
        MessageConsumer requests = answers.createConsumer(answers.createQueue("ow52"));
        Connection owner = connect();
        Session mine = session(owner);
        TemporaryQueue replies = mine.createTemporaryQueue();
        MessageConsumer replied = mine.createConsumer(replies);
        MessageProducer asking = mine.createProducer(mine.createQueue("ow52"));
        MessageProducer answering = answers.createProducer(null);
        Destination to = null;
        for (int n = 0; n < 20; n++) {
            Message request = mine.createTextMessage("?" + n);
            request.setJMSReplyTo(replies);
            request.setJMSCorrelationID("k" + n);
            asking.send(request);
            Message got = requests.receive(LIMIT);
            Message reply = answers.createTextMessage("!" + n);
            reply.setJMSCorrelationID(got.getJMSCorrelationID());
            to = got.getJMSReplyTo();
            answering.send(to, reply);
            Message heard = replied.receive(LIMIT);
            must("reply", text(heard) + heard.getJMSCorrelationID(), "!" + n + "k" + n);
        }
        owner.close();
        Destination late = to;
        until(() -> {
            try {
                answering.send(late, answers.createTextMessage("late"));
                return false;
            } catch (JMSException refused) {
                return true;
            }
        });
    }

    void advisories() throws Exception {
        Connection owner = connect();
        Session mine = session(owner);
        TemporaryQueue queue = mine.createTemporaryQueue();
        MessageConsumer consumer = mine.createConsumer(queue);
        // It connects later, and its client lets it send only because it was told.
        Session later = session(connect());
        until(() -> {
            try {
                send(later, queue, "told");
                return true;
            } catch (javax.jms.InvalidDestinationException notYet) {
                return false;
            }
        });
        must("told", receive(consumer, 1), List.of("told"));
    }

    void service() throws Exception {
        Session service = session(connect());
        MessageProducer answering = service.createProducer(null);
        List<Exception> errors = new CopyOnWriteArrayList<>();
        service.createConsumer(service.createQueue("ow54")).setMessageListener(request -> {
            try {
                Message reply = service.createTextMessage(text(request));
                reply.setJMSCorrelationID(request.getJMSCorrelationID());
                answering.send(request.getJMSReplyTo(), reply);
            } catch (Exception error) {
                errors.add(error);
            }
        });
        ExecutorService clients = Executors.newFixedThreadPool(10);
        List<Future<?>> done = new ArrayList<>();
        for (int client = 0; client < 10; client++) {
            int number = client;
            done.add(clients.submit(() -> {
                Session session = session(connect());
                TemporaryQueue replies = session.createTemporaryQueue();
                MessageConsumer consumer = session.createConsumer(replies);
                MessageProducer producer = session.createProducer(session.createQueue("ow54"));
                for (int n = 0; n < 30; n++) {
                    Message request = session.createTextMessage(number + "." + n);
                    request.setJMSReplyTo(replies);
                    producer.send(request);
                    must("reply", text(consumer.receive(LIMIT)), number + "." + n);
                }
                return null;
            }));
        }
        for (Future<?> client : done) client.get();
        clients.shutdown();
        must("errors", errors, List.of());
    }

    static final String[][] SELECTORS = {
        {"JMSType = 'Hello#c1'", "1"},
        {"JMSCorrelationID = 'k7'", "7"},
        {"JMSType LIKE 'Make%'", "2 3"},
        {"n > 3 AND n <= 5", "4 5"},
        {"colour IN ('red','green')", "0 2 6 8"},
        {"colour IS NULL", "4"},
        {"NOT (n BETWEEN 2 AND 8)", "0 1 9"},
        {"JMSPriority >= 8", "3"},
        {"b = TRUE OR d * 2 = 3.0", "5 8"},
        {"JMSType LIKE 'a!_b%' ESCAPE '!'", "6"},
        {"s = 'it''s'", "2"},
    };

    void selectors() throws Exception {
        Connection connection = connect();
        Session session = session(connection);
        Topic topic = session.createTopic("ow55");
        List<MessageConsumer> consumers = new ArrayList<>();
        for (String[] selector : SELECTORS) consumers.add(session.createConsumer(topic, selector[0]));
        MessageConsumer end = session.createConsumer(topic);
        MessageProducer producer = session.createProducer(topic);
        for (int n = 0; n < 10; n++) {
            TextMessage message = session.createTextMessage(Integer.toString(n));
            message.setIntProperty("n", n);
            message.setBooleanProperty("b", n == 5);
            message.setDoubleProperty("d", n == 8 ? 1.5 : 0);
            if (n != 4) message.setStringProperty("colour", n % 2 == 0 ? "red" : "blue");
            if (n == 1) message.setJMSType("Hello#c1");
            if (n == 2 || n == 3) message.setJMSType("MakeCall#" + n);
            if (n == 6) message.setJMSType("a_bc");
            if (n == 9) message.setJMSType("axbc");
            if (n == 7) message.setJMSCorrelationID("k7");
            if (n == 2) message.setStringProperty("s", "it's");
            producer.send(message, DeliveryMode.NON_PERSISTENT, n == 3 ? 9 : 4, 0);
        }
        receive(end, 10);
        for (int at = 0; at < SELECTORS.length; at++) {
            List<String> got = new ArrayList<>();
            Message message;
            while ((message = consumers.get(at).receive(100)) != null) got.add(text(message));
            must(SELECTORS[at][0], String.join(" ", got), SELECTORS[at][1]);
        }
    }

    void selectorOfAQueue() throws Exception {
        Session session = session(connect());
        Queue queue = session.createQueue("ow57");
        MessageProducer producer = session.createProducer(queue);
        for (int n = 0; n < 6; n++) {
            TextMessage message = session.createTextMessage(Integer.toString(n));
            if (n % 2 == 1) message.setJMSType("odd");
            producer.send(message);
        }
        MessageConsumer odd = session.createConsumer(queue, "JMSType = 'odd'");
        must("odd", receive(odd, 3), List.of("1", "3", "5"));
        nothing("no more", odd);
        must("the rest", receive(session.createConsumer(queue), 3), List.of("0", "2", "4"));
    }

    void wildcards() throws Exception {
        Session session = session(connect());
        String[] names = {"W", "W.x", "W.x.c", "W.x.y.c"};
        String[][] patterns = {{"W.>", "0 1 2 3"}, {"W.*", "1"}, {"W.*.>", "1 2 3"}, {"W", "0"}};
        List<MessageConsumer> consumers = new ArrayList<>();
        for (String[] pattern : patterns) consumers.add(session.createConsumer(session.createTopic("ow58." + pattern[0])));
        MessageConsumer end = session.createConsumer(session.createTopic("ow58.end"));
        for (int n = 0; n < names.length; n++) send(session, session.createTopic("ow58." + names[n]), Integer.toString(n));
        send(session, session.createTopic("ow58.end"), "end");
        receive(end, 1);
        for (int at = 0; at < patterns.length; at++) {
            List<String> got = new ArrayList<>();
            Message message;
            while ((message = consumers.get(at).receive(100)) != null) {
                got.add(text(message));
                must("the real name", message.getJMSDestination(), "topic://ow58." + names[Integer.parseInt(text(message))]);
            }
            must(patterns[at][0], String.join(" ", got), patterns[at][1]);
        }
    }

    void composite() throws Exception {
        Session session = session(connect());
        String list = "ow59.a,ow59.b,topic://ow59.c";
        Destination[] parts = {session.createQueue("ow59.a"), session.createQueue("ow59.b"), session.createTopic("ow59.c")};
        List<MessageConsumer> consumers = new ArrayList<>();
        for (Destination part : parts) consumers.add(session.createConsumer(part));
        send(session, session.createQueue(list), "all");
        for (int at = 0; at < parts.length; at++) {
            ActiveMQMessage got = (ActiveMQMessage) consumers.get(at).receive(LIMIT);
            must("text", text(got), "all");
            must("part", got.getJMSDestination(), parts[at]);
            must("whole", got.getOriginalDestination().getPhysicalName().replace("queue://", ""), list);
        }
    }

    static List<String> browse(Session session, Queue queue, String selector) throws JMSException {
        QueueBrowser browser = session.createBrowser(queue, selector);
        List<String> got = new ArrayList<>();
        for (Enumeration<?> all = browser.getEnumeration(); all.hasMoreElements();) got.add(text((Message) all.nextElement()));
        browser.close();
        return got;
    }

    void browse() throws Exception {
        for (String options : new String[] {"", "jms.prefetchPolicy.queueBrowserPrefetch=2"}) {
            Session session = session(connect(options));
            Queue queue = session.createQueue("ow60." + options.length());
            must("empty", browse(session, queue, null), List.of());
            MessageProducer producer = session.createProducer(queue);
            for (int n = 0; n < 5; n++) {
                TextMessage message = session.createTextMessage(Integer.toString(n));
                message.setIntProperty("n", n);
                producer.send(message);
            }
            must("all", browse(session, queue, null), List.of("0", "1", "2", "3", "4"));
            must("some", browse(session, queue, "n >= 3"), List.of("3", "4"));
            must("unchanged", receive(session.createConsumer(queue), 5), List.of("0", "1", "2", "3", "4"));
        }
    }

    void pull() throws Exception {
        Session session = session(connect("jms.prefetchPolicy.all=0"));
        MessageConsumer consumer = session.createConsumer(session.createQueue("ow61"));
        must("at once", consumer.receiveNoWait(), null);
        long begun = System.currentTimeMillis();
        must("after a while", consumer.receive(500), null);
        must("half a second", System.currentTimeMillis() - begun >= 480);
        Session other = session(connect());
        CountDownLatch waiting = new CountDownLatch(1);
        Thread sender = new Thread(() -> {
            try {
                waiting.await();
                send(other, other.createQueue("ow61"), "1", "2");
            } catch (Exception error) {
                error.printStackTrace();
            }
        });
        sender.start();
        waiting.countDown();
        must("waits", text(consumer.receive()), "1");
        sender.join();
        must("the next", text(consumer.receive(LIMIT)), "2");
    }

    void should() throws Exception {
        Connection connection = connect();
        Session session = session(connection);
        // Exclusive.
        MessageConsumer first = session.createConsumer(session.createQueue("ow62.x?consumer.exclusive=true"));
        MessageConsumer second = session.createConsumer(session.createQueue("ow62.x?consumer.exclusive=true"));
        send(session, session.createQueue("ow62.x"), "1", "2");
        must("the first has all", receive(first, 2), List.of("1", "2"));
        nothing("the second none", second);
        first.close();
        send(session, session.createQueue("ow62.x"), "3");
        must("now the second", receive(second, 1), List.of("3"));
        // Priority.
        MessageConsumer low = session.createConsumer(session.createQueue("ow62.p?consumer.priority=0"));
        MessageConsumer high = session.createConsumer(session.createQueue("ow62.p?consumer.priority=5"));
        send(session, session.createQueue("ow62.p"), "1", "2");
        must("the better has all", receive(high, 2), List.of("1", "2"));
        nothing("the other none", low);
        // Groups.
        Session[] sessions = {session(connection), session(connection)};
        MessageConsumer[] both = new MessageConsumer[2];
        for (int at = 0; at < 2; at++) both[at] = sessions[at].createConsumer(sessions[at].createQueue("ow62.g"));
        MessageProducer producer = session.createProducer(session.createQueue("ow62.g"));
        for (int n = 0; n < 20; n++) {
            TextMessage message = session.createTextMessage(Integer.toString(n));
            message.setStringProperty("JMSXGroupID", n % 2 == 0 ? "even" : "odd");
            producer.send(message);
        }
        Map<String, Set<Integer>> who = new LinkedHashMap<>();
        int seen = 0;
        long until = System.currentTimeMillis() + LIMIT;
        while (seen < 20 && System.currentTimeMillis() < until) {
            for (int at = 0; at < 2; at++) {
                Message message = both[at].receive(50);
                if (message == null) continue;
                seen++;
                who.computeIfAbsent(message.getStringProperty("JMSXGroupID"), any -> new TreeSet<>()).add(at);
            }
        }
        must("seen", seen, 20);
        for (Set<Integer> one : who.values()) must("a group has one consumer", one.size(), 1);
        // NoLocal.
        MessageConsumer deaf = session.createConsumer(session.createTopic("ow62.n"), null, true);
        send(session, session.createTopic("ow62.n"), "own");
        Session other = session(connect());
        send(other, other.createTopic("ow62.n"), "other's");
        must("not its own", receive(deaf, 1), List.of("other's"));
        // Virtual topics.
        MessageConsumer copied = session.createConsumer(session.createQueue("Consumer.A.VirtualTopic.ow62"));
        send(other, other.createTopic("VirtualTopic.ow62"), "copied");
        must("copied", receive(copied, 1), List.of("copied"));
    }

    void bodies() throws Exception {
        for (String options : new String[] {"", "jms.useCompression=true"}) {
            Session session = session(connect(options));
            Queue queue = session.createQueue("ow63." + options.length());
            MessageConsumer consumer = session.createConsumer(queue);
            MessageProducer producer = session.createProducer(queue);
            for (String text : new String[] {"", "a\0b", "\ud83d\ude00", "lone \ud83d", "x".repeat(1 << 20)}) {
                producer.send(session.createTextMessage(text));
                must("text", text(consumer.receive(LIMIT)).equals(text));
            }
            producer.send(session.createTextMessage(null));
            must("no text", text(consumer.receive(LIMIT)), null);
            byte[] all = new byte[256];
            for (int n = 0; n < 256; n++) all[n] = (byte) n;
            BytesMessage bytes = session.createBytesMessage();
            bytes.writeBytes(all);
            bytes.setStringProperty("property", "ü");
            producer.send(bytes);
            BytesMessage gotBytes = (BytesMessage) consumer.receive(LIMIT);
            byte[] read = new byte[(int) gotBytes.getBodyLength()];
            gotBytes.readBytes(read);
            must("bytes", Arrays.equals(read, all));
            must("property", gotBytes.getStringProperty("property"), "ü");
            MapMessage map = session.createMapMessage();
            map.setString("s", "t");
            map.setInt("i", 7);
            map.setBytes("b", all);
            producer.send(map);
            MapMessage gotMap = (MapMessage) consumer.receive(LIMIT);
            must("map", gotMap.getString("s") + gotMap.getInt("i") + gotMap.getBytes("b").length, "t7256");
            StreamMessage stream = session.createStreamMessage();
            stream.writeInt(7);
            stream.writeString("s");
            producer.send(stream);
            StreamMessage gotStream = (StreamMessage) consumer.receive(LIMIT);
            must("stream", gotStream.readInt() + gotStream.readString(), "7s");
            producer.send(session.createObjectMessage("object"));
            must("object", ((ObjectMessage) consumer.receive(LIMIT)).getObject(), "object");
        }
    }

    void publisherCut() throws Exception {
        Session near = session(connect());
        MessageConsumer consumer = near.createConsumer(near.createTopic("ow64"));
        try (Proxy proxy = new Proxy(broker)) {
            Session far = session(started(new ActiveMQConnectionFactory(proxy.url()).createConnection()));
            send(far, far.createTopic("ow64"), numbers(0, 50));
            proxy.cut();
        }
        must("all that was accepted", receive(consumer, 50), Arrays.asList(numbers(0, 50)));
        send(near, near.createTopic("ow64"), "and on");
        must("it goes on", receive(consumer, 1), List.of("and on"));
    }

    void failover() throws Exception {
        try (Proxy proxy = new Proxy(broker)) {
            String url = "failover:(" + proxy.url() + ")?initialReconnectDelay=50&useExponentialBackOff=false";
            Session session = session(started(new ActiveMQConnectionFactory(url).createConnection()));
            Queue queue = session.createQueue("ow65");
            MessageConsumer consumer = session.createConsumer(queue);
            TemporaryQueue replies = session.createTemporaryQueue();
            MessageConsumer replied = session.createConsumer(replies);
            List<String> got = new ArrayList<>();
            for (int n = 0; n < 60; n++) {
                if (n % 20 == 10) proxy.cut();
                send(session, queue, Integer.toString(n));
                got.addAll(receive(consumer, 1));
            }
            must("each once", got, Arrays.asList(numbers(0, 60)));
            nothing("none twice", consumer);
            Session other = session(connect());
            until(() -> {
                try {
                    send(other, replies, "reply");
                    return true;
                } catch (javax.jms.InvalidDestinationException notYet) {
                    return false;
                }
            });
            must("the temporary queue", receive(replied, 1), List.of("reply"));
        }
    }

    // Credentials, with a broker that wants them.

    void credentials(String user, String password) throws Exception {
        for (String[] wrong : new String[][] {{null, null}, {user, "wrong"}, {"nobody", password}}) {
            try {
                factory("").createConnection(wrong[0], wrong[1]).start();
                throw new AssertionError("let in: " + wrong[0]);
            } catch (JMSSecurityException refused) {
                must("text", refused.getMessage(), "User name [" + wrong[0] + "] or password is invalid.");
            }
        }
        Session session = session(started(factory("").createConnection(user, password)));
        MessageConsumer own = session.createConsumer(session.createTopic("cc." + user + ".desk"));
        try {
            session.createConsumer(session.createTopic("cc.other.desk"));
            throw new AssertionError("reads what is another's");
        } catch (JMSException refused) {
            must(refused.getMessage(), refused.getMessage().contains("is not authorized to read from: topic://cc.other.desk"));
        }
        send(session, session.createQueue("Connector1"), "");
        nothing("nobody writes there", own);
    }

    // Helpers.

    interface Condition { boolean holds() throws Exception; }

    static void until(Condition condition) throws Exception {
        long until = System.currentTimeMillis() + LIMIT;
        while (!condition.holds()) {
            if (System.currentTimeMillis() > until) throw new AssertionError("it did not happen in time");
            Thread.sleep(20);
        }
    }

    /** Stands between client and broker, and can cut what goes through. */
    static class Proxy implements Closeable {
        final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        final List<Socket> sockets = Collections.synchronizedList(new ArrayList<>());

        Proxy(URI broker) throws IOException {
            daemon(() -> {
                while (true) {
                    Socket client = listener.accept();
                    Socket server = new Socket(broker.getHost(), broker.getPort());
                    sockets.add(client);
                    sockets.add(server);
                    daemon(() -> pump(client, server));
                    daemon(() -> pump(server, client));
                }
            });
        }

        String url() {
            return "tcp://127.0.0.1:" + listener.getLocalPort();
        }

        static void daemon(Body body) {
            Thread thread = new Thread(() -> {
                try {
                    body.run();
                } catch (Exception ended) {
                    // Cut.
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        static void pump(Socket from, Socket to) throws IOException {
            byte[] bytes = new byte[65536];
            InputStream in = from.getInputStream();
            for (int count; (count = in.read(bytes)) > 0;) to.getOutputStream().write(bytes, 0, count);
            to.close();
        }

        void cut() throws IOException {
            synchronized (sockets) {
                for (Socket socket : sockets) socket.close();
                sockets.clear();
            }
        }

        @Override
        public void close() throws IOException {
            listener.close();
            cut();
        }
    }

    boolean play(String name, Body body) {
        try {
            body.run();
            System.out.println(name + " ok");
            return true;
        } catch (Throwable failed) {
            System.out.println(name + " FAILED: " + failed);
            return false;
        } finally {
            for (Connection connection : open) {
                try {
                    connection.close();
                } catch (JMSException gone) {
                    // By the case.
                }
            }
            open.clear();
        }
    }

    public static void main(String[] args) throws Exception {
        boolean fine = true;
        if (args[0].equals("--user")) {
            Cases cases = new Cases(args[4]);
            fine = cases.play("ow_31", () -> cases.credentials(args[1], args[3]));
        } else {
            Cases cases = new Cases(args[0]);
            Set<String> wanted = new TreeSet<>(Arrays.asList(args).subList(1, args.length));
            for (Map.Entry<String, Body> one : cases.cases.entrySet()) {
                if (wanted.isEmpty() || wanted.contains(one.getKey())) fine &= cases.play(one.getKey(), one.getValue());
            }
        }
        System.exit(fine ? 0 : 1);
    }
}
