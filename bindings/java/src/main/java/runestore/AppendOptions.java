package runestore;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The checks that an append makes inside its commit, and what it records with it. They do not change: each method makes others.
 *
 * <pre>{@code
 * new AppendOptions().expectedVersion(0).tracking("mailer", 17)
 * }</pre>
 */
public final class AppendOptions {
    private final Map<String, Object> members;

    /** No checks. */
    public AppendOptions() {
        this(Map.of());
    }

    private AppendOptions(Map<String, Object> members) {
        this.members = members;
    }

    /**
     * The batch's only stream must have this version.
     *
     * @param version the stream version of its last event; 0 if the stream must not exist
     * @return other options
     */
    public AppendOptions expectedVersion(long version) {
        return with("expected_version", version);
    }

    /**
     * The batch's only stream must exist.
     *
     * @return other options
     */
    public AppendOptions expectedToExist() {
        return with("expected_version", "exists");
    }

    /**
     * A stream must have this version, also one that the batch does not write to. To be called for each such stream.
     *
     * @param domain the first half of the stream's name
     * @param instanceId the second half
     * @param version the stream version of its last event; 0 if the stream must not exist
     * @return other options
     */
    public AppendOptions expect(String domain, String instanceId, long version) {
        return expecting(domain, instanceId, version);
    }

    /**
     * A stream must exist, also one that the batch does not write to. To be called for each such stream.
     *
     * @param domain the first half of the stream's name
     * @param instanceId the second half
     * @return other options
     */
    public AppendOptions expectToExist(String domain, String instanceId) {
        return expecting(domain, instanceId, "exists");
    }

    /**
     * No event may match.
     *
     * @param query which events
     * @return other options
     */
    public AppendOptions failIfEventsMatch(Query query) {
        return failIfEventsMatch(query, 0);
    }

    /**
     * No event behind a position may match.
     *
     * @param query which events
     * @param after a sequence number, or 0
     * @return other options
     */
    public AppendOptions failIfEventsMatch(Query query, long after) {
        Map<String, Object> condition = new LinkedHashMap<>();
        condition.put("fail_if_events_match", query.value());
        condition.put("after", after);
        return with("condition", condition);
    }

    /**
     * Records that a reader has handled a position, which must be larger than the one recorded.
     *
     * @param source the reader's name
     * @param position a sequence number
     * @return other options
     */
    public AppendOptions tracking(String source, long position) {
        Map<String, Object> tracking = new LinkedHashMap<>();
        tracking.put("source", Objects.requireNonNull(source, "source"));
        tracking.put("position", position);
        return with("tracking", tracking);
    }

    /** The JSON of the options. */
    @Override
    public String toString() {
        return Json.text(members, "options");
    }

    byte[] bytes() {
        return Json.bytes(members, "options");
    }

    AppendOptions with(String key, Object value) {
        Map<String, Object> more = new LinkedHashMap<>(members);
        more.put(key, value);
        return new AppendOptions(more);
    }

    private AppendOptions expecting(String domain, String instanceId, Object version) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("domain", Objects.requireNonNull(domain, "domain"));
        one.put("instance_id", Objects.requireNonNull(instanceId, "instanceId"));
        one.put("version", version);
        List<Object> all = new ArrayList<>();
        if (members.get("expect") instanceof List<?> before) {
            all.addAll(before);
        }
        all.add(one);
        return with("expect", all);
    }
}
