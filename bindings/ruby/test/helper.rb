# frozen_string_literal: true

# A warning is a failure, but for the JSON parser's own about numbers that a Float holds as 0.
Warning.extend(Module.new { def warn(message, **) = message.match?(/Float \S+ out of range/) || raise(message) })

require "minitest/autorun"
require "open3"
require "pathname"
require "rbconfig"
require "timeout"
require "tmpdir"
require "runestore"

module Helper
  OPENED = { type: "Opened", domain: "account", instance_id: "a-1" }.freeze

  def setup
    @store = Runestore.open
    @folder = Dir.mktmpdir("runestore-ruby-")
  end

  def teardown
    @store.close
    FileUtils.rm_rf(@folder)
  end

  def place(name = "ledger.runes") = File.join(@folder, name)

  def event(**more) = { **OPENED, **more }

  def counted(numbers) = numbers.map { |n| event(type: "Counted", data: n) }

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def took
    start = now
    yield
    now - start
  end

  def eventually(seconds = 10)
    finish = now + seconds
    until (found = yield)
      flunk "it did not come about" if now > finish
      sleep 0.01
    end
    found
  end

  # What a program of its own prints. It runs with warnings, and they fail it; so does half an hour, which the longest do not take.
  def ruby(program, *arguments, env: {}, chdir: @folder)
    output, status = Open3.capture2e(env, "timeout", "--signal=KILL", "1800", RbConfig.ruby, "-w", "-rrunestore", "-e", program, *arguments, chdir: chdir)
    assert status.success?, output
    output
  end
end
