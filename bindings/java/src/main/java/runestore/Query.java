package runestore;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/**
 * Which events are meant: all that is said must hold, and {@code new Query()} says nothing, so it means all. Of a thing that is said
 * twice the last word counts. A query does not change: each method makes another one.
 *
 * <pre>{@code
 * new Query().type("Opened", "Closed").tags("vip").after(17)
 * }</pre>
 */
public final class Query {
    /** A Map, a List of Maps, or a text. */
    private final Object value;

    /** A query for all events. */
    public Query() {
        this(Map.of());
    }

    private Query(Object value) {
        this.value = value;
    }

    /**
     * The events that any of the queries means; none, if there is no query.
     *
     * @param queries of these
     * @return a query
     */
    public static Query anyOf(Query... queries) {
        List<Object> all = new ArrayList<>();
        for (Query query : queries) {
            if (query.value instanceof List<?> several) {
                all.addAll(several);
            } else if (query.value instanceof Json.Raw raw && raw.text().stripLeading().startsWith("[")) {
                JsonReader elements = new JsonReader(raw.text());
                for (boolean more = elements.element(true); more; more = elements.element(false)) {
                    all.add(new Json.Raw(elements.slice()));
                }
            } else {
                all.add(query.value);
            }
        }
        return new Query(all);
    }

    /**
     * A query that is JSON already.
     *
     * @param json an object or an array of objects
     * @return a query, to which nothing can be added
     * @throws RunestoreException.InvalidJson if it is no JSON
     */
    public static Query json(String json) {
        return new Query(new Json.Raw(Json.one(json, "query")));
    }

    /**
     * The events of one stream.
     *
     * @param domain the first half of its name
     * @param instanceId the second half
     * @return another query
     */
    public Query stream(String domain, String instanceId) {
        return domain(domain).instanceId(instanceId);
    }

    /**
     * Of any of these types.
     *
     * @param any types
     * @return another query
     */
    public Query type(String... any) {
        return with("type", List.of(any));
    }

    /**
     * Of any of these domains.
     *
     * @param any domains
     * @return another query
     */
    public Query domain(String... any) {
        return with("domain", List.of(any));
    }

    /**
     * Of any of these instances.
     *
     * @param any instances
     * @return another query
     */
    public Query instanceId(String... any) {
        return with("instance_id", List.of(any));
    }

    /**
     * With any of these ids.
     *
     * @param any ids
     * @return another query
     */
    public Query id(String... any) {
        return with("id", List.of(any));
    }

    /**
     * With all of these tags.
     *
     * @param all tags
     * @return another query
     */
    public Query tags(String... all) {
        return with("tags", List.of(all));
    }

    /**
     * At this time or later.
     *
     * @param from a time
     * @return another query
     */
    public Query from(Instant from) {
        return with("from", Objects.requireNonNull(from, "from"));
    }

    /**
     * Before this time.
     *
     * @param to a time
     * @return another query
     */
    public Query to(Instant to) {
        return with("to", Objects.requireNonNull(to, "to"));
    }

    /**
     * Behind this position.
     *
     * @param position a sequence number, or 0
     * @return another query
     */
    public Query after(long position) {
        return with("after", position);
    }

    /**
     * Up to this position, itself included.
     *
     * @param position a sequence number, or 0
     * @return another query
     */
    public Query upTo(long position) {
        return with("up_to", position);
    }

    /**
     * Behind this version of the one stream that is named.
     *
     * @param version a stream version, or 0
     * @return another query
     */
    public Query afterVersion(long version) {
        return with("after_version", version);
    }

    /** The JSON of the query. */
    @Override
    public String toString() {
        return Json.text(value, "query");
    }

    Object value() {
        return value;
    }

    byte[] bytes() {
        return Json.utf8(toString(), "query");
    }

    /** No event before this can be meant, as far as it is known. */
    long begin() {
        Function<Object, Long> begin = one -> one instanceof Map<?, ?> map ? Math.max(0, Texts.number(map, "after")) : 0;
        return value instanceof List<?> several ? several.stream().map(begin).min(Long::compare).orElse(0L) : begin.apply(value);
    }

    private Query with(String key, Object said) {
        if (value instanceof List<?> several) {
            return new Query(several.stream().map(one -> with(one, key, said)).toList());
        }
        return new Query(with(value, key, said));
    }

    private static Map<Object, Object> with(Object one, String key, Object said) {
        if (!(one instanceof Map<?, ?> map)) {
            throw new IllegalStateException("`" + key + "` cannot be added to a query that is JSON already");
        }
        Map<Object, Object> more = new LinkedHashMap<>(map);
        more.put(key, said);
        return more;
    }
}
