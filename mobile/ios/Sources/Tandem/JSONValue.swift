import Foundation

/// A JSON value, read strictly (RFC 8259): an answer of a model is refused where it is anything else.
///
/// Foundation's reader is not used because it tells `true` from `1` on some platforms only.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Equal as JSON: 1 is 1.0, `true` is not 1, and texts are compared by code points ("é" has two spellings that
  /// Swift's own `==` does not tell apart).
  public static func == (one: JSONValue, other: JSONValue) -> Bool {
    switch (one, other) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.number(let a), .number(let b)): return a == b
    case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): return a == b
    case (.object(let a), .object(let b)): return a == b
    default: return false
    }
  }

  /// Reads a whole text; `JSONError` names the byte where it stops being JSON.
  public init(parsing text: String) throws {
    var reader = JSONReader(bytes: Array(text.utf8))
    self = try reader.whole()
  }

  /// Reads a whole file of UTF-8.
  public init(contentsOf file: URL) throws {
    var reader = JSONReader(bytes: [UInt8](try Data(contentsOf: file)))
    self = try reader.whole()
  }

  /// The member of an object; nil where there is none.
  public subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { return members[key] }
    return nil
  }

  public var object: [String: JSONValue]? {
    if case .object(let members) = self { return members }
    return nil
  }

  public var array: [JSONValue]? {
    if case .array(let items) = self { return items }
    return nil
  }

  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  public var number: Double? {
    if case .number(let value) = self { return value }
    return nil
  }

  /// A whole number that a double holds exactly (at most 2^53 - 1).
  public var integer: Int? {
    guard let value = number, value == value.rounded(), abs(value) < 9_007_199_254_740_992 else { return nil }
    return Int(value)
  }
}

/// Where and why a text is no JSON.
public struct JSONError: Error, Equatable {
  public let reason: String
  public let byte: Int
}
