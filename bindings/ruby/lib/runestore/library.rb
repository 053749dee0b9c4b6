# frozen_string_literal: true

require "fiddle"

module Runestore
  # The shared library and its functions.
  module Library
    ABI_MAJOR = 1
    NAMES = ["librunestore.so.#{ABI_MAJOR}", "librunestore.#{ABI_MAJOR}.dylib", "librunestore.dylib"].freeze

    def self.load
      named = ENV["RUNESTORE_LIBRARY"]
      named = nil if named&.empty?
      tried = named ? [named] : NAMES
      remedy = if named
                 "RUNESTORE_LIBRARY names it: give the path of the library's file, or unset it to have the loader look for #{NAMES[0]}"
               else
                 "install Runestore's library where the loader finds it (ldconfig, LD_LIBRARY_PATH), or give its path in RUNESTORE_LIBRARY"
               end
      handle = open_first(tried, remedy)
      check_version(handle, named || NAMES[0], remedy)
      handle
    end

    def self.open_first(tried, remedy)
      first = nil
      tried.each do |name|
        return Fiddle::Handle.new(name, Fiddle::RTLD_NOW)
      rescue Fiddle::DLError => e
        first ||= e
      end
      raise LibraryError, "#{tried[0]} cannot be loaded (#{first.message}): #{remedy}"
    end

    def self.check_version(handle, name, remedy)
      version = Fiddle::Function.new(handle["store_abi_version"], [], -Fiddle::TYPE_INT32_T).call
      major = version >> 16
      return if major == ABI_MAJOR

      raise LibraryError,
            "#{name} has version #{major}.#{version & 0xffff} of the C interface, and this gem needs #{ABI_MAJOR}.x: install " \
            "the library of that version (#{NAMES[0]}) beside it, or the version of the gem runestore that goes with yours"
    rescue Fiddle::DLError
      raise LibraryError, "#{name} is no library of Runestore: #{remedy}"
    end

    private_class_method :open_first, :check_version
  end
end
