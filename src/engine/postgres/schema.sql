-- What a store has in its schema, version 1. The @ of each @.name stands for the schema's quoted name.

CREATE TABLE @.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    -- Sessions that were given up, and when the last one was: whatever still comes from them stores nothing.
    fenced uuid[] NOT NULL DEFAULT '{}',
    fenced_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO @.head (position) VALUES (0);

-- `body` is the event's JSON text but for sequence_number, id and stream_version: '{' || substr(body, 2) is an object.
-- What is read of an event comes first, what has a fixed width before the rest: so the server finds each where the one
-- before it ends, and looks at none that only indexes are for. Little is padded.
CREATE TABLE @.events (
    position bigint PRIMARY KEY,
    stream_version bigint NOT NULL,
    -- Microseconds since 1970.
    inserted_at bigint NOT NULL,
    id uuid NOT NULL UNIQUE,
    body text NOT NULL,
    type text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    instance_id text COLLATE "C" NOT NULL,
    tags text[] COLLATE "C" NOT NULL,
    CONSTRAINT events_stream UNIQUE (domain, instance_id, stream_version)
);
CREATE INDEX events_type ON @.events (type, position);
CREATE INDEX events_inserted_at ON @.events (inserted_at);
CREATE INDEX events_tags ON @.events USING gin (tags) WHERE tags <> '{}';

CREATE TABLE @.tracking (
    source text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    -- Of the append that recorded it: so one whose outcome was lost can know its own.
    token uuid NOT NULL
);

-- Appends, one part after the other, each all or nothing: what one comes to does not touch the others. What is an array
-- with an entry for each part says how many entries of the arrays behind it are the part's own.
--
-- The first statement holds off all other appends until the commit, and it writes: so the commit waits for
-- synchronous standbys even if nothing is stored, and an answer that rests on an earlier commit is as safe as that one.
-- Each later statement sees all that was committed before (READ COMMITTED, and the function is volatile).
--
-- outcome  number              numbers
-- 0        first position      the stream versions
-- 1                            where each id is stored already, null if it is not
-- 2        which expectation   the stream's version
-- 3        the position of the event that matches the condition
-- 4        the position that the source has already
-- 5                            whether it was done before cannot be told any more
CREATE FUNCTION @.append(
    p_session uuid, p_fence uuid[], p_sizes int[], p_look_up boolean[],
    p_ids uuid[], p_types text[], p_domains text[], p_instance_ids text[], p_inserted_at bigint[], p_tags text[], p_bodies text[],
    p_expects int[], p_expect_domains text[], p_expect_instance_ids text[], p_expect_versions bigint[],
    p_conditions text[], p_names text[], p_numbers bigint[], p_condition_ids uuid[],
    p_sources text[], p_source_positions bigint[], p_tokens uuid[], p_ignore_behind boolean
) RETURNS TABLE (outcome smallint, number bigint, numbers bigint[], head_then bigint)
LANGUAGE plpgsql VOLATILE AS $runestore$
#variable_conflict use_column
DECLARE
    v_total bigint := cardinality(p_ids);
    v_at bigint;
    v_reserved bigint;
    v_low int := 1;
    v_high int;
    v_expect int := 0;
    v_found bigint;
    v_version bigint;
    v_wanted bigint;
    v_token uuid;
BEGIN
    IF p_fence = '{}' THEN
        UPDATE @.head SET position = position + v_total WHERE NOT fenced @> ARRAY[p_session] RETURNING position INTO v_reserved;
    ELSE
        UPDATE @.head SET position = position + v_total, fenced_at = now(),
            fenced = (p_fence || CASE WHEN fenced_at > now() - interval '1 day' THEN fenced ELSE '{}' END)[1:256]
        WHERE NOT fenced @> ARRAY[p_session] RETURNING position INTO v_reserved;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session was given up' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    v_at := v_reserved - v_total;
    <<parts>>
    FOR v_part IN 1 .. cardinality(p_sizes) LOOP
        v_high := v_low + p_sizes[v_part] - 1;
        outcome := 0;
        number := v_at + 1;
        numbers := '{}';
        <<checks>>
        BEGIN
            IF p_look_up[v_part] AND p_sizes[v_part] = 0 THEN
                -- It has no ids to be known by.
                SELECT t.position, t.token INTO v_found, v_token FROM @.tracking AS t WHERE t.source = p_sources[v_part];
                EXIT checks WHEN v_token = p_tokens[v_part];
                IF v_found >= p_source_positions[v_part] THEN
                    outcome := 5;
                    EXIT checks;
                END IF;
            ELSIF p_look_up[v_part] THEN
                SELECT array_agg(e.position ORDER BY given.n), count(e.position) INTO numbers, v_found
                FROM unnest(p_ids[v_low:v_high]) WITH ORDINALITY AS given (id, n) LEFT JOIN @.events AS e ON e.id = given.id;
                IF v_found > 0 THEN
                    outcome := 1;
                    EXIT checks;
                END IF;
            END IF;
            FOR v_n IN 1 .. p_expects[v_part] LOOP
                SELECT coalesce(max(e.stream_version), 0) INTO v_version FROM @.events AS e
                WHERE e.domain = p_expect_domains[v_expect + v_n] AND e.instance_id = p_expect_instance_ids[v_expect + v_n];
                v_wanted := p_expect_versions[v_expect + v_n];
                IF v_version <> v_wanted AND NOT (v_wanted = -1 AND v_version > 0) THEN
                    outcome := 2;
                    number := v_n - 1;
                    numbers := ARRAY[v_version];
                    EXIT checks;
                END IF;
            END LOOP;
            IF p_conditions[v_part] IS NOT NULL THEN
                EXECUTE 'SELECT min(position) FROM ' || p_conditions[v_part] INTO v_found USING p_names, p_numbers, p_condition_ids;
                IF v_found IS NOT NULL THEN
                    outcome := 3;
                    number := v_found;
                    EXIT checks;
                END IF;
            END IF;
            IF p_sources[v_part] IS NOT NULL THEN
                SELECT coalesce(max(t.position), 0) INTO v_found FROM @.tracking AS t WHERE t.source = p_sources[v_part];
                IF p_source_positions[v_part] > v_found THEN
                    INSERT INTO @.tracking AS t (source, position, token)
                    VALUES (p_sources[v_part], p_source_positions[v_part], p_tokens[v_part])
                    ON CONFLICT (source) DO UPDATE SET position = EXCLUDED.position, token = EXCLUDED.token;
                ELSIF NOT p_ignore_behind THEN
                    outcome := 4;
                    number := v_found;
                    EXIT checks;
                END IF;
            END IF;
            IF p_sizes[v_part] = 1 THEN
                INSERT INTO @.events (position, id, type, domain, instance_id, stream_version, inserted_at, tags, body)
                VALUES (v_at + 1, p_ids[v_low], p_types[v_low], p_domains[v_low], p_instance_ids[v_low],
                    1 + coalesce((SELECT max(e.stream_version) FROM @.events AS e
                                  WHERE e.domain = p_domains[v_low] AND e.instance_id = p_instance_ids[v_low]), 0),
                    p_inserted_at[v_low], p_tags[v_low]::text[], p_bodies[v_low])
                RETURNING ARRAY[stream_version] INTO numbers;
            ELSIF p_sizes[v_part] > 1 THEN
                WITH given AS (
                    SELECT * FROM unnest(p_ids[v_low:v_high], p_types[v_low:v_high], p_domains[v_low:v_high],
                        p_instance_ids[v_low:v_high], p_inserted_at[v_low:v_high], p_tags[v_low:v_high], p_bodies[v_low:v_high])
                    WITH ORDINALITY AS g (id, type, domain, instance_id, inserted_at, tags, body, n)
                ), stored AS (
                    INSERT INTO @.events (position, id, type, domain, instance_id, stream_version, inserted_at, tags, body)
                    SELECT v_at + g.n, g.id, g.type, g.domain, g.instance_id,
                        s.version + row_number() OVER (PARTITION BY g.domain COLLATE "C", g.instance_id COLLATE "C" ORDER BY g.n),
                        g.inserted_at, g.tags::text[], g.body
                    FROM given AS g JOIN (
                        SELECT d.domain, d.instance_id, coalesce((SELECT max(e.stream_version) FROM @.events AS e
                            WHERE e.domain = d.domain AND e.instance_id = d.instance_id), 0) AS version
                        FROM (SELECT DISTINCT domain COLLATE "C" AS domain, instance_id COLLATE "C" AS instance_id FROM given) AS d
                        -- Looked up once for each stream.
                        OFFSET 0
                    ) AS s ON s.domain = g.domain COLLATE "C" AND s.instance_id = g.instance_id COLLATE "C"
                    ORDER BY g.n
                    RETURNING position, stream_version
                )
                SELECT array_agg(stream_version ORDER BY position) INTO numbers FROM stored;
            END IF;
            v_at := v_at + p_sizes[v_part];
        END checks;
        head_then := v_at;
        RETURN NEXT;
        v_low := v_high + 1;
        v_expect := v_expect + p_expects[v_part];
    END LOOP parts;
    IF v_at <> v_reserved THEN
        UPDATE @.head SET position = v_at;
    END IF;
END
$runestore$;
