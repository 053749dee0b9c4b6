package runestore;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The library's answers to objects. */
final class Texts {
    private Texts() {}

    static List<Event> events(byte[] text) {
        try {
            return events(new JsonReader(new String(text, StandardCharsets.UTF_8)));
        } catch (JsonReader.Malformed e) {
            throw Json.unreadable(e);
        }
    }

    static Store.Page page(byte[] text) {
        List<Event> events = List.of();
        Map<?, ?> pagination = Map.of();
        try {
            JsonReader reader = new JsonReader(new String(text, StandardCharsets.UTF_8));
            for (String name = reader.member(true); name != null; name = reader.member(false)) {
                switch (name) {
                    case "events" -> events = events(reader);
                    case "pagination" -> pagination = (Map<?, ?>) reader.value();
                    default -> reader.slice();
                }
            }
        } catch (JsonReader.Malformed e) {
            throw Json.unreadable(e);
        }
        return new Store.Page(
                events, number(pagination, "total_count"), number(pagination, "page_size"), number(pagination, "page_number"),
                number(pagination, "total_pages"), (Boolean) pagination.get("has_next"), (Boolean) pagination.get("has_prev"),
                number(pagination, "head"));
    }

    /** A member that is a number, 0 where there is none. */
    static long number(Map<?, ?> map, String member) {
        return map.get(member) instanceof Long number ? number : 0;
    }

    private static List<Event> events(JsonReader reader) {
        List<Event> events = new ArrayList<>();
        for (boolean more = reader.element(true); more; more = reader.element(false)) {
            events.add(event(reader));
        }
        return events;
    }

    private static Event event(JsonReader reader) {
        long sequenceNumber = 0;
        long streamVersion = 0;
        long version = 0;
        String id = null;
        String type = null;
        String domain = null;
        String instanceId = null;
        String insertedAt = null;
        List<String> tags = List.of();
        String data = null;
        String base64 = null;
        String metadata = null;
        for (String name = reader.member(true); name != null; name = reader.member(false)) {
            switch (name) {
                case "sequence_number" -> sequenceNumber = reader.integer();
                case "id" -> id = reader.string();
                case "type" -> type = reader.string();
                case "domain" -> domain = reader.string();
                case "instance_id" -> instanceId = reader.string();
                case "stream_version" -> streamVersion = reader.integer();
                case "version" -> version = reader.integer();
                case "inserted_at" -> insertedAt = reader.string();
                case "tags" -> tags = strings(reader);
                case "data" -> data = reader.slice();
                case "data_base64" -> base64 = reader.string();
                case "metadata" -> metadata = reader.slice();
                // Of a later version.
                default -> reader.slice();
            }
        }
        return new Event(
                sequenceNumber, id, type, domain, instanceId, streamVersion, version, time(insertedAt), tags, data, base64, metadata);
    }

    private static List<String> strings(JsonReader reader) {
        if (!reader.element(true)) {
            return List.of();
        }
        List<String> strings = new ArrayList<>();
        do {
            strings.add(reader.string());
        } while (reader.element(false));
        return List.copyOf(strings);
    }

    /** "2026-11-23T03:50:00.123456Z", always of this form. */
    private static Instant time(String text) {
        long day = LocalDate.of(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)).toEpochDay();
        int second = (digits(text, 11, 13) * 60 + digits(text, 14, 16)) * 60 + digits(text, 17, 19);
        return Instant.ofEpochSecond(day * 86_400 + second, digits(text, 20, 26) * 1000L);
    }

    private static int digits(String text, int begin, int end) {
        return Integer.parseInt(text, begin, end, 10);
    }
}
