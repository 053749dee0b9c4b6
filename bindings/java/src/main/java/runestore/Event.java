package runestore;

import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * An event as it is stored. The domain and the instance name its stream.
 *
 * @param sequenceNumber the position in the store: 1, 2, 3 …
 * @param id a UUID
 * @param type what has happened
 * @param domain the first half of the stream's name
 * @param instanceId the second half
 * @param streamVersion the position in the stream: 1, 2, 3 …
 * @param version the version of the event's schema
 * @param insertedAt when it was stored, or what was given as that, to the microsecond
 * @param tags by which it can be found
 * @param dataJson the data as JSON, byte for byte as it is stored; null where the data is bytes
 * @param dataBase64 the data as base64 where it is bytes, else null
 * @param metadataJson the metadata as JSON, byte for byte as it is stored
 */
public record Event(
        long sequenceNumber,
        String id,
        String type,
        String domain,
        String instanceId,
        long streamVersion,
        long version,
        Instant insertedAt,
        List<String> tags,
        String dataJson,
        String dataBase64,
        String metadataJson) {
    /**
     * The data as Java's values, made anew by each call: a Map or a List that keeps the order, a String, a Long or beyond its
     * range a BigInteger, a Double, a Boolean, null; or a byte[].
     *
     * @return the value
     */
    public Object data() {
        return dataBase64 == null ? Json.value(dataJson) : Base64.getDecoder().decode(dataBase64);
    }

    /**
     * A member of the data.
     *
     * @param member its name
     * @return its value, as {@link #data()} has it; null where there is none, or the data is no object
     */
    public Object data(String member) {
        return data() instanceof Map<?, ?> map ? map.get(member) : null;
    }

    /**
     * The metadata as Java's values, made anew by each call.
     *
     * @return a Map that keeps the order
     */
    @SuppressWarnings("unchecked")
    public Map<String, Object> metadata() {
        return (Map<String, Object>) Json.value(metadataJson);
    }
}
