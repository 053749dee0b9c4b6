package runestore;

import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/**
 * An event to append. It does not change: each method makes another one.
 *
 * <pre>{@code
 * new NewEvent("Deposited", "account", "a-1").data(Map.of("cents", 5000)).tags("vip")
 * }</pre>
 */
public final class NewEvent {
    private final String type;
    private final String domain;
    private final String instanceId;
    private String id;
    private Long version;
    private Instant insertedAt;
    private List<String> tags;
    private String dataJson;
    private String dataBase64;
    private String metadataJson;

    /**
     * An event of what an event must have. The domain and the instance name its stream.
     *
     * @param type what has happened
     * @param domain the first half of the stream's name
     * @param instanceId the second half
     */
    public NewEvent(String type, String domain, String instanceId) {
        this.type = Objects.requireNonNull(type, "type");
        this.domain = Objects.requireNonNull(domain, "domain");
        this.instanceId = Objects.requireNonNull(instanceId, "instanceId");
    }

    private NewEvent(NewEvent other) {
        this(other.type, other.domain, other.instanceId);
        id = other.id;
        version = other.version;
        insertedAt = other.insertedAt;
        tags = other.tags;
        dataJson = other.dataJson;
        dataBase64 = other.dataBase64;
        metadataJson = other.metadataJson;
    }

    /**
     * All of an event but its positions: to append it to another store, or again.
     *
     * @param event a stored event
     * @return the same, to append
     */
    public static NewEvent of(Event event) {
        NewEvent made = new NewEvent(event.type(), event.domain(), event.instanceId());
        made.id = event.id();
        made.version = event.version();
        made.insertedAt = event.insertedAt();
        made.tags = event.tags();
        made.dataJson = event.dataJson() == null ? null : Json.one(event.dataJson(), "data");
        made.dataBase64 = event.dataBase64();
        made.metadataJson = event.metadataJson() == null ? null : Json.one(event.metadataJson(), "metadata");
        return made;
    }

    /**
     * With an id: an append whose outcome you did not learn can be repeated then.
     *
     * @param id a UUID
     * @return another event
     */
    public NewEvent id(UUID id) {
        return id(id.toString());
    }

    /**
     * With an id: an append whose outcome you did not learn can be repeated then.
     *
     * @param id a UUID
     * @return another event
     */
    public NewEvent id(String id) {
        NewEvent made = new NewEvent(this);
        made.id = Objects.requireNonNull(id, "id");
        return made;
    }

    /**
     * With the version of the event's schema, which is 1 otherwise.
     *
     * @param version from 1 to 4294967295
     * @return another event
     */
    public NewEvent version(long version) {
        NewEvent made = new NewEvent(this);
        made.version = version;
        return made;
    }

    /**
     * With a time of its own, in place of the store's clock. It is kept to the microsecond.
     *
     * @param insertedAt a time in the years 0000 to 9999
     * @return another event
     */
    public NewEvent insertedAt(Instant insertedAt) {
        NewEvent made = new NewEvent(this);
        made.insertedAt = Objects.requireNonNull(insertedAt, "insertedAt");
        return made;
    }

    /**
     * With tags, and none of those before.
     *
     * @param tags by which it can be found
     * @return another event
     */
    public NewEvent tags(String... tags) {
        NewEvent made = new NewEvent(this);
        made.tags = List.of(tags);
        return made;
    }

    /**
     * With data. The value is made JSON now, so that later changes of it are none of the event's.
     *
     * @param value a Map, an Iterable or an array of such values, a String, a number, a Boolean, an Instant, a UUID, an enum, or
     *     null; or a byte[] as the whole
     * @return another event
     * @throws RunestoreException.InvalidJson if the value has no form in JSON
     */
    public NewEvent data(Object value) {
        NewEvent made = new NewEvent(this);
        made.dataBase64 = value instanceof byte[] bytes ? Base64.getEncoder().encodeToString(bytes) : null;
        made.dataJson = made.dataBase64 == null ? Json.text(value, "data") : null;
        return made;
    }

    /**
     * With data that is JSON already. It is stored byte for byte.
     *
     * @param json one value of JSON
     * @return another event
     * @throws RunestoreException.InvalidJson if it is none
     */
    public NewEvent dataJson(String json) {
        NewEvent made = new NewEvent(this);
        made.dataJson = Json.one(json, "data");
        made.dataBase64 = null;
        return made;
    }

    /**
     * With metadata. They are made JSON now, so that later changes of them are none of the event's.
     *
     * @param values as for {@link #data(Object)}
     * @return another event
     * @throws RunestoreException.InvalidJson if a value has no form in JSON
     */
    public NewEvent metadata(Map<String, ?> values) {
        NewEvent made = new NewEvent(this);
        made.metadataJson = Json.text(Objects.requireNonNull(values, "values"), "metadata");
        return made;
    }

    /**
     * With metadata that are JSON already. They are stored byte for byte.
     *
     * @param json an object of JSON
     * @return another event
     * @throws RunestoreException.InvalidJson if it is no JSON
     */
    public NewEvent metadataJson(String json) {
        NewEvent made = new NewEvent(this);
        made.metadataJson = Json.one(json, "metadata");
        return made;
    }

    /** The JSON of the event. */
    @Override
    public String toString() {
        return text(List.of(this), false);
    }

    /** The text of a batch, or of its only event. Where it is not UTF-8, which of them is it? */
    static byte[] bytes(List<NewEvent> events, boolean array) {
        String text = text(events, array);
        try {
            return Json.utf8(text, "events");
        } catch (RunestoreException.InvalidJson e) {
            for (int index = 0; index < events.size(); index++) {
                try {
                    Json.utf8(events.get(index).toString(), "events[" + index + "]");
                } catch (RunestoreException.InvalidJson one) {
                    throw new RunestoreException.InvalidJson(one.getMessage(), Map.of("in", "events", "index", (long) index));
                }
            }
            throw e;
        }
    }

    private static String text(List<NewEvent> events, boolean array) {
        StringBuilder text = new StringBuilder();
        String separator = array ? "[" : "";
        for (NewEvent event : events) {
            text.append(separator);
            separator = ",";
            event.write(text);
        }
        if (array) {
            text.append(events.isEmpty() ? "[]" : "]");
        }
        return text.toString();
    }

    private void write(StringBuilder text) {
        text.append("{\"type\":");
        Json.writeString(text, type);
        member(text, "domain", domain);
        member(text, "instance_id", instanceId);
        member(text, "id", id);
        if (version != null) {
            text.append(",\"version\":").append(version);
        }
        member(text, "inserted_at", insertedAt == null ? null : insertedAt.toString());
        if (tags != null) {
            text.append(",\"tags\":").append(Json.text(tags, "events"));
        }
        member(text, "data_base64", dataBase64);
        raw(text, "data", dataJson);
        raw(text, "metadata", metadataJson);
        text.append('}');
    }

    private static void member(StringBuilder text, String name, String value) {
        if (value != null) {
            text.append(",\"").append(name).append("\":");
            Json.writeString(text, value);
        }
    }

    private static void raw(StringBuilder text, String name, String json) {
        if (json != null) {
            text.append(",\"").append(name).append("\":").append(json);
        }
    }
}
