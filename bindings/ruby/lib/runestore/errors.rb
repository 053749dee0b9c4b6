# frozen_string_literal: true

require "json"

module Runestore
  # The library cannot be loaded: it is not there, or not of the version that this gem was written for.
  class LibraryError < LoadError; end

  # What every error of a store is; there is a class for each code. The message says what was found, where, and what to do.
  class Error < StandardError
    # A Symbol, such as :conflict, the same in every language.
    attr_reader :code
    # The number of the C interface.
    attr_reader :status
    # A Hash with Symbols as keys; docs/ABI.md lists them.
    attr_reader :details

    def initialize(message = nil, code: :internal, status: -99, details: {})
      super(message)
      @code = code
      @status = status
      @details = details
    end

    CODES = {
      misuse: -1, closed: -2, invalid_json: -3, invalid_event: -4, invalid_query: -5, invalid_options: -6, conflict: -7,
      duplicate_id: -8, too_large: -9, not_found: -10, read_only: -11, locked: -12, io: -13, no_space: -14, corrupt: -15,
      unsupported: -16, engine: -17, indeterminate: -18, interrupted: -19, forked: -20, internal: -99
    }.freeze

    CLASSES = CODES.to_h do |code, status|
      kind = Class.new(self) do
        define_method(:initialize) do |message = code.to_s, details: {}|
          super(message, code: code, status: status, details: details)
        end
      end
      [code, Runestore.const_set("#{code.to_s.split("_").map(&:capitalize).join}Error", kind)]
    end.freeze

    # The error for a status, of which `text` is what the library wrote; a few of its functions write nothing.
    def self.of(status, text)
      said = text && !text.empty? ? JSON.parse(text, symbolize_names: true) : {}
      code = said.delete(:code)&.to_sym || CODES.key(status)
      message = said.delete(:message) || "the store answers: #{code || status}"
      # A later library of the same major version may know more errors.
      kind = CLASSES[code]
      kind ? kind.new(message, details: said) : new(message, code: code, status: status, details: said)
    end
  end
end
