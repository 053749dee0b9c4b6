defmodule Runestore.Subscription do
  @moduledoc """
  The events behind a position, and then each new one as it is committed, as messages to a process.

      {:ok, subscription} = Runestore.subscribe(store, query: [domain: "account"], after: checkpoint)

  Catch-up and live are one sequence: nothing is skipped and nothing comes twice. The subscriber gets

    * `{:runestore, ref, {:events, events, position}}`. Everything up to `position` was delivered or does not match: it
      is the number to keep, and to begin behind another time by `after: position`;
    * `{:runestore, ref, :done}` as the last one, when `limit` events were delivered or `up_to` of the query is passed;
    * `{:runestore, ref, {:error, error}}` as the last one, `error.code` being `:closed` when the store was closed.

  `ref` is `subscription.ref`. The subscriber answers each delivery with `ack(subscription)`: the next one comes behind
  it, so that the mailbox of a slow subscriber has no more than `in_flight` deliveries of at most `batch` events.

  ## Options

    * `:query` - as for `Runestore.get_events/3`; all events by default. `:after` is put into it.
    * `:after` - the position behind which to begin (0).
    * `:limit` - ends after so many events.
    * `:batch` - the most events of one delivery (100).
    * `:in_flight` - how many deliveries may be unacknowledged (1).
    * `:to` - the process that gets the messages; the caller by default.

  A subscription ends when its subscriber does. It belongs to no supervisor of yours: a subscriber that was restarted
  subscribes again, from the position that it kept.
  """
  use GenServer, restart: :temporary

  alias Runestore.{Error, Event, JSON, Native, Text, Watcher}

  @enforce_keys [:pid, :ref]
  defstruct [:pid, :ref]
  @type t :: %__MODULE__{pid: pid, ref: reference}

  @known [:query, :after, :limit, :batch, :in_flight, :to]

  @doc false
  def start(store, opts) do
    opts = opts |> Keyword.validate!(@known) |> Keyword.put_new(:to, self())
    ref = make_ref()

    with :ok <- positive(opts, :batch),
         :ok <- positive(opts, :in_flight),
         {:ok, query} <- query(opts[:query], Keyword.get(opts, :after, 0)),
         {:ok, options} <- Text.options(%{follow: true, format: :ndjson, limit: opts[:limit]}),
         {:ok, cursor} <- Text.error(Native.cursor_open(store.ref, query, options)) do
      child = {__MODULE__, {store, cursor, ref, opts}}
      {:ok, pid} = DynamicSupervisor.start_child(Runestore.Processes, child)
      {:ok, %__MODULE__{pid: pid, ref: ref}}
    end
  end

  defp positive(opts, name) do
    case Keyword.get(opts, name, 1) do
      number when is_integer(number) and number > 0 ->
        :ok

      other ->
        message = "#{name}: a number of at least 1, not #{inspect(other)}"
        {:error, %Error{code: :invalid_options, message: message, details: %{option: to_string(name)}}}
    end
  end

  # The query may be any of several objects: each of them begins there.
  defp query([], _), do: Text.query([])
  defp query(nil, 0), do: Text.query(nil)
  defp query(query, 0), do: Text.query(query)
  defp query(nil, position), do: Text.query(%{after: position})
  defp query([{_, _} | _] = query, position), do: Text.query(Keyword.put_new(query, :after, position))
  defp query(query, position) when is_map(query), do: Text.query(begin_behind(query, position))

  defp query(queries, position) when is_list(queries) do
    Text.query(Enum.map(queries, &(&1 |> Map.new() |> begin_behind(position))))
  end

  # The later of two beginnings holds.
  defp begin_behind(query, position) do
    key = if is_map_key(query, "after"), do: "after", else: :after
    Map.update(query, key, position, &max(&1, position))
  end

  @doc "The subscriber has handled a delivery: the next one may come."
  @spec ack(t) :: :ok
  def ack(%__MODULE__{pid: pid}), do: GenServer.cast(pid, :ack)

  @doc "Ends a subscription. No message of it comes behind this, and none that had come is left in the caller's mailbox."
  @spec cancel(t) :: :ok
  def cancel(%__MODULE__{pid: pid, ref: ref}) do
    try do
      GenServer.stop(pid)
    catch
      # It had ended already.
      :exit, _ -> :ok
    end

    flush(ref)
  end

  defp flush(ref) do
    receive do
      {:runestore, ^ref, _} -> flush(ref)
    after
      0 -> :ok
    end
  end

  @doc false
  def start_link(args), do: GenServer.start_link(__MODULE__, args)

  @impl true
  def init({store, cursor, ref, opts}) do
    # The cursor is closed when this ends, also at the end of the application.
    Process.flag(:trap_exit, true)
    Process.monitor(opts[:to])

    state = %{
      store: store,
      cursor: cursor,
      ref: ref,
      to: opts[:to],
      batch: Keyword.get(opts, :batch, 100),
      demand: Keyword.get(opts, :in_flight, 1),
      waiting: nil
    }

    {:ok, state, {:continue, :deliver}}
  end

  @impl true
  def handle_continue(:deliver, state), do: deliver(state)

  @impl true
  def handle_cast(:ack, state), do: deliver(%{state | demand: state.demand + 1})

  @impl true
  def handle_info({:runestore_head, ref, answer}, %{waiting: ref} = state) do
    state = %{state | waiting: nil}

    case answer do
      {:ok, _head} -> deliver(state)
      # Who interrupts calls does not mean to end what follows.
      {:error, %Error{code: :interrupted}} -> deliver(state)
      {:error, error} -> finish(state, {:error, error})
    end
  end

  # The watcher is gone; the next one is asked.
  def handle_info({:DOWN, ref, :process, _, _}, %{waiting: ref} = state), do: deliver(%{state | waiting: nil})
  def handle_info({:DOWN, _, :process, to, _}, %{to: to} = state), do: {:stop, :normal, state}
  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state), do: Native.cursor_close(state.cursor)

  # It waits with and without demand, so that the end of the store is told to who is slow, too. Who has no demand waits
  # for what does not come: a position beyond all.
  defp deliver(%{demand: demand} = state) when demand <= 0, do: {:noreply, ask(state, 0x7FFFFFFFFFFFFFFF)}

  defp deliver(state) do
    case Text.error(Native.cursor_next(state.cursor, state.batch, 0)) do
      {:ok, text, position} ->
        events =
          for line <- :binary.split(text, "\n", [:global, :trim]), do: Event.from_map(JSON.decode!(line))

        send(state.to, {:runestore, state.ref, {:events, events, position}})
        {:noreply, %{state | demand: state.demand - 1}, {:continue, :deliver}}

      {:timeout, position} ->
        {:noreply, ask(state, position)}

      {:done, _position} ->
        finish(state, :done)

      {:error, %Error{code: :interrupted}} ->
        {:noreply, state, {:continue, :deliver}}

      {:error, error} ->
        finish(state, {:error, error})
    end
  end

  defp ask(state, position) do
    if state.waiting, do: Watcher.forget(state.store, state.waiting)
    %{state | waiting: Watcher.ask(state.store, position)}
  end

  defp finish(state, last) do
    send(state.to, {:runestore, state.ref, last})
    {:stop, :normal, state}
  end
end
