defmodule Runestore do
  @moduledoc """
  An event store that a program embeds, as it would embed SQLite.

  Events go in as atomic batches and come back filtered by type, domain, instance, tags and time, in one gapless order.
  `docs/EVENTS.md` of the repository has the rules for events, options and queries; they are the same in every language.

      iex> store = Runestore.open!()
      iex> [event] = Runestore.append!(store, %{type: "Opened", domain: "account", instance_id: "a-1"})
      iex> event.sequence_number
      1
      iex> Runestore.get_events!(store, domain: "account") == [event]
      true
      iex> {:error, error} = Runestore.append(store, %{type: "Opened", domain: "account", instance_id: "a-1"}, expected_version: 0)
      iex> {error.code, error.details.actual}
      {:conflict, 1}
      iex> Runestore.close(store)
      :ok

  A store may be used by any number of processes at once and belongs to none of them. It is closed by `close/1`, or when
  nothing refers to it any more; `Runestore.Server` owns one under a supervisor.

  ## Schedulers

  Calls run on the dirty IO schedulers, of which the VM has ten (`erl +SDio`). No call occupies one for longer than its
  work takes: who waits, by `wait/3` or by a subscription, sits in a receive, and one process for each store that is
  waited on does the waiting, in slices of 100 ms, together on at most half of those schedulers. `interrupt/1` does not
  stand in their queue. A store that nobody closed and nothing refers to is closed in the background, soon after it was
  collected: call `close/1` where it matters when.

  ## Errors

  Functions answer `{:error, %Runestore.Error{}}`; those whose names end in `!` raise it.
  """

  alias Runestore.{Error, Event, JSON, Native, Subscription, Text, Watcher}

  @enforce_keys [:ref, :id]
  defstruct [:ref, :id]

  @typedoc "An open store."
  @opaque t :: %__MODULE__{ref: reference, id: reference}
  @type query :: map | keyword | [map | keyword] | nil
  @type event :: Event.t() | map | struct
  @type result(value) :: {:ok, value} | {:error, Error.t()}

  defguardp is_position(value) when is_integer(value) and value >= 0 and value < 0x8000000000000000

  @doc """
  Opens a store.

    * `open()`: in memory, for as long as the store is open.
    * `open("ledger.runes")`, `open(path: "ledger.runes", sync: [interval_ms: 100])`: in that directory.
    * `open("postgresql://…")`, `open(url: "postgresql://…", schema: "ledger")`: in a PostgreSQL database.
    * `open(store: "file", store_opts: [path: "ledger.runes"])`: by the engine's name.

  `docs/EVENTS.md` has the options of each engine: `sync`, `read_only`, `create`, `segment_bytes`, `mmap`.
  """
  @spec open(String.t() | keyword | map) :: result(t)
  def open(where \\ []) do
    with {:ok, config} <- where |> config() |> Text.options(),
         {:ok, ref} <- Text.error(Native.open(config)) do
      {:ok, %__MODULE__{ref: ref, id: make_ref()}}
    end
  end

  defp config("postgresql://" <> _ = url), do: config(url: url)
  defp config("postgres://" <> _ = url), do: config(url: url)
  defp config(path) when is_binary(path), do: config(path: path)

  defp config(opts) when is_list(opts) or is_map(opts) do
    opts = Map.new(opts)

    cond do
      is_map_key(opts, :store) or is_map_key(opts, "store") or opts == %{} -> opts
      is_map_key(opts, :url) or is_map_key(opts, "url") -> %{store: "postgres", store_opts: opts}
      is_map_key(opts, :path) or is_map_key(opts, "path") -> %{store: "file", store_opts: opts}
      true -> %{store: "memory", store_opts: opts}
    end
  end

  @doc """
  Closes a store: calls in progress end with `:closed`, who waits is told at once, subscriptions end, and files and lock
  are let go. Closing twice is fine.
  """
  @spec close(t) :: :ok | {:error, Error.t()}
  def close(%__MODULE__{ref: ref}) do
    case Text.error(Native.close(ref)) do
      {:error, %Error{code: :closed}} -> :ok
      other -> other
    end
  end

  @doc """
  Stores one event, or a list of them as one batch: all of it is stored, or nothing.

  The options are those of `docs/EVENTS.md`: `expected_version`, `expect`, `condition`, `tracking`, and `return:
  :summary`. With `raw: true` the answer is the JSON text as the library gives it. In place of events `{:json, text}`
  goes in as it is.

      iex> store = Runestore.open!()
      iex> event = %{type: "SeatSold", domain: "sale", instance_id: "s-1", tags: ["seat:12A"]}
      iex> once = [condition: [fail_if_events_match: [type: "SeatSold", tags: ["seat:12A"]]]]
      iex> Runestore.append!(store, event, [return: :summary] ++ once)
      %{first: 1, last: 1, count: 1, head: 1}
      iex> {:error, error} = Runestore.append(store, %{event | instance_id: "s-2"}, once)
      iex> {error.code, error.details.reason, error.details.sequence_number}
      {:conflict, "condition", 1}
  """
  @spec append(t, event | [event] | {:json, String.t()}, keyword | map) ::
          result([Event.t()] | map | String.t())
  def append(%__MODULE__{ref: ref}, events, opts \\ []) do
    {raw, opts} = raw(opts)

    with {:ok, events} <- Event.encode(events),
         {:ok, opts} <- Text.options(opts),
         {:ok, text} <- Text.error(Native.append(ref, events, opts)) do
      cond do
        raw -> {:ok, text}
        match?("[" <> _, text) -> {:ok, Text.events(text)}
        true -> Text.answer({:ok, text})
      end
    end
  end

  @doc """
  The events that match a query, in the order of their positions: all of one moment.

  A query is a map or a keyword list of `type`, `domain`, `instance_id`, `id`, `tags`, `from`, `to`, `after`, `up_to`,
  `after_version`, a list of such, any of which is enough, or `nil` for all events. Times may be `DateTime`s.

  The options are `limit`, `offset`, `direction: :backward`, and `pagination: true`, which answers `%{events: events,
  pagination: %{…}}`. With `raw: true` the answer is the JSON text as the library gives it. What may not fit in memory is
  for `stream/3`.
  """
  @spec get_events(t, query, keyword | map) :: result([Event.t()] | map | String.t())
  def get_events(%__MODULE__{ref: ref}, query \\ nil, opts \\ []) do
    {raw, opts} = raw(opts)

    with {:ok, query} <- Text.query(query),
         {:ok, opts} <- Text.options(opts),
         {:ok, text} <- Text.error(Native.get_events(ref, query, opts)) do
      {:ok, if(raw, do: text, else: read(text))}
    end
  end

  defp read("{\"events\":[" <> _ = text) do
    case JSON.decode!(text) do
      %{"events" => events, "pagination" => pagination} ->
        %{events: Enum.map(events, &Event.from_map/1), pagination: JSON.atom_keys(pagination)}
    end
  end

  defp read("[" <> _ = text), do: Text.events(text)
  # "format":"ndjson" asks for lines.
  defp read(lines), do: lines |> lines() |> Enum.map(&Event.from_map(JSON.decode!(&1)))

  @doc """
  The events that match a query as a stream, in memory that does not grow with their number.

  It reads when it is enumerated, of the moment when that begins, and closes its cursor when it ends or is halted. The
  options are `limit`, `offset`, `direction`, and `max_bytes` of one piece (1 MiB). With `raw: true` it gives the JSON
  text of each event. Errors are raised.

      iex> store = Runestore.open!()
      iex> Runestore.append!(store, for(n <- 1..10, do: %{type: "Counted", domain: "d", instance_id: "i", data: n}))
      iex> store |> Runestore.stream() |> Stream.map(& &1.data) |> Enum.take(3)
      [1, 2, 3]
  """
  @spec stream(t, query, keyword | map) :: Enumerable.t()
  def stream(%__MODULE__{} = store, query \\ nil, opts \\ []) do
    {raw, opts} = raw(opts)
    if follows?(opts), do: raise(ArgumentError, "a stream ends: subscribe/2 follows")

    Stream.resource(
      fn -> cursor!(store, query, opts) end,
      fn cursor ->
        case Text.error(Native.cursor_next(cursor, 0, -1)) do
          {:ok, text, _position} -> {lines(text) |> events(raw), cursor}
          {:done, _position} -> {:halt, cursor}
          {:error, error} -> raise error
        end
      end,
      &Native.cursor_close/1
    )
  end

  defp follows?(opts), do: opts[:follow] || (is_map(opts) && opts["follow"])

  # Each is parsed when it is asked for.
  defp events(lines, true), do: lines
  defp events(lines, false), do: Stream.map(lines, &Event.from_map(JSON.decode!(&1)))

  defp lines(text), do: :binary.split(text, "\n", [:global, :trim])

  defp cursor!(store, query, opts) do
    with {:ok, query} <- Text.query(query),
         {:ok, opts} <- Text.options(Map.put(Map.new(opts), :format, :ndjson)),
         {:ok, cursor} <- Text.error(Native.cursor_open(store.ref, query, opts)) do
      cursor
    else
      {:error, error} -> raise error
    end
  end

  @doc """
  Gives the events behind a position, and then each new one as it is committed, to a process:
  `Runestore.Subscription` has the options and the messages.
  """
  @spec subscribe(t, keyword) :: result(Subscription.t())
  def subscribe(%__MODULE__{} = store, opts \\ []), do: Subscription.start(store, opts)

  @doc "The last position, 0 in an empty store."
  @spec head(t) :: result(non_neg_integer)
  def head(%__MODULE__{ref: ref}) do
    case Text.error(Native.wait(ref, 0, 0)) do
      {:timeout, head} -> {:ok, head}
      other -> other
    end
  end

  @doc """
  Waits until the head is larger than `position`, at most `timeout` milliseconds or `:infinity`: `{:ok, head}` or
  `{:timeout, head}`. Closing the store ends the wait with `:closed`, `interrupt/1` with `:interrupted`.
  """
  @spec wait(t, non_neg_integer, timeout) :: {:ok | :timeout, non_neg_integer} | {:error, Error.t()}
  def wait(%__MODULE__{} = store, position, timeout \\ :infinity)
      when is_position(position) and (timeout == :infinity or (is_integer(timeout) and timeout >= 0)) do
    deadline = if timeout == :infinity, do: :infinity, else: now() + timeout
    wait_until(store, position, deadline)
  end

  defp wait_until(store, position, deadline) do
    left = if deadline == :infinity, do: :infinity, else: max(deadline - now(), 0)

    case Text.error(Native.wait(store.ref, position, 0)) do
      {:timeout, _} when left != 0 -> listen(store, position, deadline, left)
      answer -> answer
    end
  end

  defp listen(store, position, deadline, left) do
    ref = Watcher.ask(store, position)

    receive do
      {:runestore_head, ^ref, answer} -> answer
      # The watcher ended as this one came.
      {:DOWN, ^ref, :process, _, _} -> wait_until(store, position, deadline)
    after
      left ->
        Watcher.forget(store, ref)
        Text.error(Native.wait(store.ref, position, 0))
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  @doc "The position that a reader of that name has recorded by the append option `tracking`, 0 if none."
  @spec tracking(t, String.t()) :: result(non_neg_integer)
  def tracking(%__MODULE__{ref: ref}, source) when is_binary(source),
    do: Text.error(Native.tracking(ref, source))

  @doc "What is known about a store: `engine`, `head`, `events`, and more, as far as its engine has them."
  @spec info(t) :: result(map)
  def info(%__MODULE__{ref: ref}), do: Text.answer(Native.info(ref))

  @doc """
  Reads all that is stored and checks it: `%{ok: true, events: n, bytes: n, problems: []}`. Damage is a problem in the
  answer, and no error.
  """
  @spec verify(t) :: result(map)
  def verify(%__MODULE__{ref: ref}), do: Text.answer(Native.verify(ref))

  @doc "Copies a store, which may be in use, into a new directory, and reads the copy to check it."
  @spec backup(t, Path.t()) :: result(map)
  def backup(%__MODULE__{ref: ref}, path), do: Text.answer(Native.backup(ref, IO.chardata_to_string(path)))

  @doc """
  Copies a store into another one, of any engine, with positions, ids, times and tracking: `%{copied: n, events: n, head: n}`.
  What the target has already must be the beginning of the source: a copy that ended early is gone on with by copying again.
  """
  @spec copy(t, t) :: result(map)
  def copy(%__MODULE__{ref: source}, %__MODULE__{ref: target}), do: Text.answer(Native.copy(source, target))

  @doc "Ends the calls in progress on a store with `:interrupted`, and not those that begin later. A subscription goes on."
  @spec interrupt(t) :: :ok | {:error, Error.t()}
  def interrupt(%__MODULE__{ref: ref} = store) do
    with :ok <- Text.error(Native.interrupt(ref)), do: Watcher.interrupt(store)
  end

  @doc "The version of the library."
  @spec version() :: String.t()
  def version, do: Native.version()

  for {name, args} <- [
        open: [:where],
        close: [:store],
        append: [:store, :events, :opts],
        get_events: [:store, :query, :opts],
        subscribe: [:store, :opts],
        head: [:store],
        wait: [:store, :position, :timeout],
        tracking: [:store, :source],
        info: [:store],
        verify: [:store],
        backup: [:store, :path],
        copy: [:source, :target],
        interrupt: [:store]
      ] do
    defaults = %{where: [], opts: [], query: nil, timeout: :infinity}
    vars = Enum.map(args, &Macro.var(&1, nil))

    heads =
      Enum.map(args, fn arg ->
        var = Macro.var(arg, nil)
        if is_map_key(defaults, arg), do: {:\\, [], [var, defaults[arg]]}, else: var
      end)

    @doc "As `#{name}/#{length(args)}`, but gives the value, and raises the error."
    def unquote(:"#{name}!")(unquote_splicing(heads)), do: bang(unquote(name)(unquote_splicing(vars)))
  end

  defp bang(:ok), do: :ok
  defp bang({:ok, value}), do: value
  # Only a wait may end so.
  defp bang({:timeout, _head}), do: :timeout
  defp bang({:error, error}), do: raise(error)

  defp raw(opts) when is_list(opts), do: Keyword.pop(opts, :raw, false)
  defp raw(opts) when is_map(opts), do: Map.pop(opts, :raw, false)
end

defimpl Inspect, for: Runestore do
  def inspect(store, _opts), do: "#Runestore<#{:erlang.ref_to_list(store.ref)}>"
end
