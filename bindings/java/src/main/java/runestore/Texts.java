package runestore;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The library's answers to objects. They are sound: the library has looked at all that is in them. */
final class Texts {
    private Texts() {}

    static List<Event> events(byte[] text) {
        try (JsonParser parser = Json.FACTORY.createParser(text)) {
            parser.nextToken();
            return events(parser, text);
        } catch (IOException e) {
            throw Json.unreadable(e);
        }
    }

    static Store.Page page(byte[] text) {
        List<Event> events = List.of();
        Map<?, ?> pagination = Map.of();
        try (JsonParser parser = Json.FACTORY.createParser(text)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.getCurrentName();
                parser.nextToken();
                switch (name) {
                    case "events" -> events = events(parser, text);
                    case "pagination" -> pagination = (Map<?, ?>) Json.value(parser);
                    default -> parser.skipChildren();
                }
            }
        } catch (IOException e) {
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

    private static List<Event> events(JsonParser parser, byte[] text) throws IOException {
        List<Event> events = new ArrayList<>();
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            events.add(event(parser, text));
        }
        return events;
    }

    private static Event event(JsonParser parser, byte[] text) throws IOException {
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
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.getCurrentName();
            parser.nextToken();
            switch (name) {
                case "sequence_number" -> sequenceNumber = parser.getLongValue();
                case "id" -> id = parser.getText();
                case "type" -> type = parser.getText();
                case "domain" -> domain = parser.getText();
                case "instance_id" -> instanceId = parser.getText();
                case "stream_version" -> streamVersion = parser.getLongValue();
                case "version" -> version = parser.getLongValue();
                case "inserted_at" -> insertedAt = parser.getText();
                case "tags" -> tags = strings(parser);
                case "data" -> data = slice(parser, text);
                case "data_base64" -> base64 = parser.getText();
                case "metadata" -> metadata = slice(parser, text);
                // Of a later version.
                default -> parser.skipChildren();
            }
        }
        return new Event(
                sequenceNumber, id, type, domain, instanceId, streamVersion, version, time(insertedAt), tags, data, base64, metadata);
    }

    private static List<String> strings(JsonParser parser) throws IOException {
        if (parser.nextToken() == JsonToken.END_ARRAY) {
            return List.of();
        }
        List<String> strings = new ArrayList<>();
        do {
            strings.add(parser.getText());
        } while (parser.nextToken() != JsonToken.END_ARRAY);
        return List.copyOf(strings);
    }

    /** The value that the parser stands at, as it is written. */
    private static String slice(JsonParser parser, byte[] text) throws IOException {
        int begin = (int) parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        parser.finishToken();
        int end = (int) parser.currentLocation().getByteOffset();
        return new String(text, begin, end - begin, StandardCharsets.UTF_8);
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
