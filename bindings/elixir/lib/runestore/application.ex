defmodule Runestore.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Runestore.Closer,
      Runestore.Watcher.registry(),
      {DynamicSupervisor, name: Runestore.Processes, strategy: :one_for_one}
    ]

    # A lost registry takes the watchers with it: none of them would be found again.
    Supervisor.start_link(children, strategy: :one_for_all, name: Runestore.Supervisor)
  end
end
