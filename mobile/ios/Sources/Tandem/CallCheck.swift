import Foundation

/// Why a call is refused, and the argument (or the path inside of one) that is the cause.
public struct Fault: Equatable, Sendable {
  public enum Code: String, Sendable {
    case notACall = "not_a_call"
    case unknownFunction = "unknown_function"
    case unknownArgument = "unknown_argument"
    case missingArgument = "missing_argument"
    case wrongType = "wrong_type"
    case notAllowed = "not_allowed"
    case outOfRange = "out_of_range"
    case unknownName = "unknown_name"
  }

  public let code: Code
  public let argument: String?
}

/// A function's name, nil where none applies, and its arguments, as the model said them.
struct SpokenCall: Equatable {
  static let longest = 10_000  // code points

  let name: String?
  let arguments: [String: JSONValue]

  /// The call that a text spells; nil where it spells none.
  init?(_ text: String) {
    guard text.unicodeScalars.count <= Self.longest, let value = try? JSONValue(parsing: text),
      let members = value.object, Set(members.keys) == ["name", "arguments"],
      let arguments = members["arguments"]?.object
    else { return nil }
    switch members["name"] {
    case .string(let name): self.name = name
    case .null where arguments.isEmpty: name = nil
    default: return nil
    }
    self.arguments = arguments
  }
}

/// Checks values by the JSON schema of one function, in the order of mobile/contract/README.md.
struct SchemaCheck {
  /// The function's `parameters`: what `$ref` starts from.
  let root: JSONValue

  /// The first fault of a call's arguments.
  func arguments(_ arguments: [String: JSONValue]) -> Fault? {
    members(arguments, behind(root), before: "")
  }

  private func members(_ value: [String: JSONValue], _ schema: JSONValue, before: String) -> Fault? {
    let declared = schema["properties"]?.object ?? [:]
    let names = value.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    if let name = names.first(where: { declared[$0] == nil }) {
      return Fault(code: .unknownArgument, argument: before + name)
    }
    let required = schema["required"]?.array ?? []
    if let name = required.compactMap(\.string).first(where: { value[$0] == nil }) {
      return Fault(code: .missingArgument, argument: before + name)
    }
    for name in names {
      if let own = value[name], let fault = check(own, declared[name] ?? .bool(true), at: before + name) {
        return fault
      }
    }
    return nil
  }

  private func check(_ value: JSONValue, _ given: JSONValue, at path: String) -> Fault? {
    let schema = behind(given)
    guard isOfType(value, schema), value.number?.isFinite ?? true else { return Fault(code: .wrongType, argument: path) }
    if let only = schema["const"], only != value { return Fault(code: .notAllowed, argument: path) }
    if let options = schema["enum"]?.array, !options.contains(value) {
      return Fault(code: .notAllowed, argument: path)
    }
    if let options = schema["anyOf"]?.array, options.allSatisfy({ check(value, $0, at: path) != nil }) {
      return Fault(code: .notAllowed, argument: path)
    }
    guard isWithin(value, schema) else { return Fault(code: .outOfRange, argument: path) }
    if let items = value.array {
      for (at, item) in items.enumerated() {
        if let fault = check(item, schema["items"] ?? .bool(true), at: "\(path).\(at)") { return fault }
      }
    }
    if let own = value.object, schema["properties"] != nil { return members(own, schema, before: path + ".") }
    return nil
  }

  private func isOfType(_ value: JSONValue, _ schema: JSONValue) -> Bool {
    let implied: [JSONValue] = schema["properties"] == nil ? [] : [.string("object")]
    let kinds = schema["type"].map { $0.array ?? [$0] } ?? implied
    return kinds.isEmpty || kinds.contains { Self.isA(value, $0.string) }
  }

  private static func isA(_ value: JSONValue, _ kind: String?) -> Bool {
    switch value {
    case .null: return kind == "null"
    case .bool: return kind == "boolean"
    case .number: return kind == "number" || (kind == "integer" && value.integer != nil)
    case .string: return kind == "string"
    case .array: return kind == "array"
    case .object: return kind == "object"
    }
  }

  private func isWithin(_ value: JSONValue, _ schema: JSONValue) -> Bool {
    switch value {
    case .number(let number):
      if let least = schema["minimum"]?.number, number < least { return false }
      if let most = schema["maximum"]?.number, number > most { return false }
      if let below = schema["exclusiveMinimum"]?.number, number <= below { return false }
      if let above = schema["exclusiveMaximum"]?.number, number >= above { return false }
      return true
    case .string(let text): return Self.isCount(text.unicodeScalars.count, schema["minLength"], schema["maxLength"])
    case .array(let items): return Self.isCount(items.count, schema["minItems"], schema["maxItems"])
    default: return true
    }
  }

  private static func isCount(_ count: Int, _ least: JSONValue?, _ most: JSONValue?) -> Bool {
    if let least = least?.number, Double(count) < least { return false }
    if let most = most?.number, Double(count) > most { return false }
    return true
  }

  /// The schema behind `$ref`; Actions has made sure that each leads somewhere.
  private func behind(_ given: JSONValue) -> JSONValue {
    var schema = given
    while let target = schema["$ref"]?.string {
      var found: JSONValue? = root
      for name in target.dropFirst(2).split(separator: "/") { found = found?[String(name)] }
      schema = found ?? .object([:])
    }
    return schema
  }
}
