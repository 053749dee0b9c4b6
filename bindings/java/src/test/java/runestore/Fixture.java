package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A store in memory and a folder for each test, and what several of them use. */
abstract class Fixture {
    /** A wait ends within 50 ms, and on a machine that is busy with other things a little later. */
    static final long SOON_MS = 400;

    @TempDir
    Path folder;

    Store store;

    @BeforeEach
    void open() {
        store = Store.open();
    }

    @AfterEach
    void close() {
        store.close();
    }

    Path place() {
        return place("ledger.runes");
    }

    Path place(String name) {
        return folder.resolve(name);
    }

    static NewEvent event() {
        return new NewEvent("Opened", "account", "a-1");
    }

    static List<NewEvent> counted(int from, int to) {
        return IntStream.rangeClosed(from, to).mapToObj(n -> new NewEvent("Counted", "account", "a-1").data(n)).toList();
    }

    static List<Object> data(List<Event> events) {
        return events.stream().map(Event::data).toList();
    }

    static List<Object> numbers(long from, long to) {
        List<Object> numbers = new ArrayList<>();
        for (long n = from; n <= to; n++) {
            numbers.add(n);
        }
        return numbers;
    }

    static List<Event> rest(Cursor cursor) {
        List<Event> events = new ArrayList<>();
        cursor.forEachRemaining(events::add);
        return events;
    }

    interface Action {
        void run() throws Exception;
    }

    /** In milliseconds. */
    static long took(Action action) throws Exception {
        long begun = System.nanoTime();
        action.run();
        return (System.nanoTime() - begun) / 1_000_000;
    }

    static void eventually(BooleanSupplier there) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!there.getAsBoolean()) {
            if (System.nanoTime() > end) {
                fail("it did not come about");
            }
            Thread.sleep(10);
        }
    }

    /** A call in a thread of its own. */
    static final class Running<T> {
        final Thread thread;
        private final CompletableFuture<T> result = new CompletableFuture<>();

        Running(Callable<T> call) {
            thread = new Thread(() -> {
                try {
                    result.complete(call.call());
                } catch (Throwable e) {
                    result.completeExceptionally(e);
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        /** Comes back when it waits. */
        static <T> Running<T> waiting(Callable<T> call) throws InterruptedException {
            Running<T> running = new Running<>(call);
            Thread.sleep(150);
            assertTrue(running.thread.isAlive(), "it has ended");
            return running;
        }

        T value() throws Exception {
            return result.get(20, TimeUnit.SECONDS);
        }

        <E extends Throwable> E thrown(Class<E> type) throws Exception {
            try {
                return fail("it gave " + value());
            } catch (ExecutionException e) {
                assertEquals(type, e.getCause().getClass(), () -> String.valueOf(e.getCause()));
                return type.cast(e.getCause());
            }
        }
    }

    /** What a program of its own prints. The source is that of a class with a main. */
    String program(String source, Map<String, String> environment, List<String> options, String... arguments) throws Exception {
        Path file = Files.createTempDirectory(folder, "program").resolve("Program.java");
        Files.writeString(file, source);
        List<String> command = new ArrayList<>(options);
        command.add(file.toString());
        command.addAll(List.of(arguments));
        Ended ended = java(environment, command);
        assertEquals(0, ended.status(), ended.output());
        return ended.output();
    }

    record Ended(int status, String output) {}

    /** A JVM in the test's folder, with the classes that this one has. A variable that is to be empty is taken away. */
    Ended java(Map<String, String> environment, List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", System.getProperty("java.class.path"),
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        environment.forEach((name, value) -> {
            if (value.isEmpty()) {
                builder.environment().remove(name);
            } else {
                builder.environment().put(name, value);
            }
        });
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }
}
