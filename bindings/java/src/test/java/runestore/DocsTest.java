package runestore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the README and the example show runs, and prints what they say; and what the jar is. */
class DocsTest extends Fixture {
    private static final Path SOURCE = Path.of(System.getenv("RUNESTORE_TEST_SOURCE"));

    private static List<String> all(String pattern, String text) {
        return Pattern.compile(pattern).matcher(text).results().map(found -> found.group(1)).toList();
    }

    /** A comment "// -> text" says what a line prints. */
    private static List<String> said(String program) {
        return all("// -> (.*)", program);
    }

    @Test
    void theReadmeRuns() throws Exception {
        List<String> programs = all("(?s)```java\n(.*?)```", Files.readString(SOURCE.resolve("README.md")));
        assertEquals(1, programs.size());
        String program = programs.get(0);
        assertEquals(5, said(program).size());
        List<String> printed = program(program, Map.of(), List.of()).lines().toList();
        assertEquals(said(program), printed);
        assertTrue(Files.isDirectory(place()));
        assertNotEquals(said(program.replace("// -> conflict 1", "// -> conflict 2")), printed);
    }

    @Test
    void theExampleRunsInMemoryAndTwiceInADirectory() throws Exception {
        String example = Files.readString(SOURCE.resolve("example/Account.java"));
        for (String[] arguments : new String[][] {{}, {"ledger.runes"}, {"ledger.runes"}}) {
            String printed = program(example, Map.of(), List.of(), arguments);
            assertTrue(printed.contains("\n7 events more; 1 of 6 refused: 0 cents are there, 1000 are wanted\n"), printed);
            assertTrue(printed.contains("\n  7 Withdrawn  0\n"), printed);
        }
    }

    @Test
    void theJarIsWhatIsUsedAndHasNoMoreThanItNeeds() throws Exception {
        Path jar = Path.of(Store.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (JarFile file = new JarFile(jar.toFile())) {
            Set<String> folders = file.stream().map(Object::toString).filter(name -> !name.endsWith("/"))
                    .map(name -> name.replaceFirst("[^/]*\\.class$", "*")).collect(Collectors.toSet());
            assertEquals(Set.of("META-INF/MANIFEST.MF", "META-INF/LICENSE-MIT", "META-INF/LICENSE-APACHE", "runestore/*"), folders);
            var manifest = file.getManifest().getMainAttributes();
            assertEquals("runestore", manifest.getValue("Automatic-Module-Name"));
            String pom = Files.readString(SOURCE.resolve("pom.xml"));
            String version = all("<version>(.*)</version>", pom).get(0);
            assertEquals(version, manifest.getValue("Implementation-Version"));
            assertEquals("runestore-" + version + ".jar", jar.getFileName().toString());
        }
    }

    @Test
    void theLibraryIsFoundByTheLoaderToo() throws Exception {
        String folder = Path.of(System.getenv("RUNESTORE_LIBRARY")).getParent().toString();
        String program = "class P { public static void main(String[] a) { System.out.println(runestore.Store.libraryVersion()); } }";
        assertEquals(Store.libraryVersion() + "\n", program(program, Map.of("RUNESTORE_LIBRARY", "", "LD_LIBRARY_PATH", folder), List.of()));
    }

    @Test
    void theLibraryIsFoundBesideTheProgram() throws Exception {
        Path library = Path.of(System.getenv("RUNESTORE_LIBRARY"));
        Files.copy(library, Files.createDirectory(place("native")).resolve(library.getFileName()));
        String program = "class P { public static void main(String[] a) { System.out.println(runestore.Store.libraryVersion()); } }";
        String beside = folder.relativize(place("native")).toString();
        for (String named : new String[] {beside, "./" + beside}) {
            List<String> property = List.of("-Drunestore.library=" + named + "/" + library.getFileName());
            assertEquals(Store.libraryVersion() + "\n", program(program, Map.of("RUNESTORE_LIBRARY", ""), property));
        }
    }

    @Test
    void aModuleCanRequireIt() throws Exception {
        Path module = Files.createDirectory(place("module"));
        Files.writeString(module.resolve("module-info.java"), "module program { requires runestore; }");
        Files.writeString(Files.createDirectory(module.resolve("program")).resolve("Main.java"),
                "package program; class Main { public static void main(String[] a) { System.out.println(runestore.Store.libraryVersion()); } }");
        String path = System.getProperty("java.class.path");
        String jars = Pattern.compile(":").splitAsStream(path).filter(jar -> jar.matches(".*/(runestore-[0-9.]+|jna)\\.jar"))
                .collect(Collectors.joining(":"));
        Process javac = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "javac").toString(), "--module-path", jars, "-d",
                place("classes").toString(), module + "/module-info.java", module + "/program/Main.java").redirectErrorStream(true).start();
        String output = new String(javac.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, javac.waitFor(), output);
        Ended ended = java(Map.of(), List.of("--module-path", jars + ":" + place("classes"), "--module", "program/program.Main"));
        assertEquals(Store.libraryVersion() + "\n", ended.output());
    }
}
