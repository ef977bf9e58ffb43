/// Refuses a tools.json that the check cannot guarantee: a keyword it does not know, a `$ref` that leads nowhere.
struct SchemaKeywords {
  private static let annotations: Set<String> = [
    "title", "description", "default", "examples", "format", "deprecated", "$comment", "$defs", "definitions",
    "readOnly", "writeOnly", "additionalProperties", "$schema",
  ]
  private static let known: Set<String> = [
    "$ref", "type", "const", "enum", "anyOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "items", "minItems", "maxItems", "properties", "required",
  ]
  private static let types: Set<String> = ["null", "boolean", "integer", "number", "string", "array", "object"]
  private static let deepest = 32

  let function: String
  let root: JSONValue

  /// `StudentError.schema` names the function and what is unknown.
  func check() throws {
    try check(root, depth: 0)
  }

  private func check(_ given: JSONValue, depth: Int) throws {
    guard depth < Self.deepest else { throw refused("schemas inside one another without an end") }
    if given == .bool(true) { return }
    guard let schema = given.object else { throw refused("a schema that is no object") }
    if let unknown = schema.keys.sorted().first(where: { !Self.known.union(Self.annotations).contains($0) }) {
      throw refused("the keyword '\(unknown)'")
    }
    for kind in schema["type"].map({ $0.array ?? [$0] }) ?? [] where !Self.types.contains(kind.string ?? "") {
      throw refused("an unknown type")
    }
    if let target = schema["$ref"] { try check(behind(target.string ?? ""), depth: depth + 1) }
    for option in schema["anyOf"]?.array ?? [] { try check(option, depth: depth + 1) }
    if let items = schema["items"] { try check(items, depth: depth + 1) }
    let properties = schema["properties"]?.object ?? [:]
    for own in properties.values { try check(own, depth: depth + 1) }
    for name in schema["required"]?.array ?? [] where properties[name.string ?? ""] == nil {
      throw refused("a required argument that is not in properties")
    }
  }

  private func behind(_ target: String) throws -> JSONValue {
    var found: JSONValue? = target.hasPrefix("#/") ? root : nil
    for name in target.dropFirst(2).split(separator: "/") { found = found?[String(name)] }
    guard let found else { throw refused("the $ref '\(target)', which leads nowhere") }
    return found
  }

  private func refused(_ what: String) -> StudentError {
    .schema("tools.json, function \(function): \(what) cannot be guaranteed.")
  }
}
