/// Refuses a tools.json that the check cannot guarantee: a keyword it does not know, a `$ref` that leads nowhere.
struct SchemaKeywords {
  private static let annotations: Set<String> = [
    "title", "description", "default", "examples", "format", "deprecated", "$comment", "$defs", "definitions",
    "readOnly", "writeOnly", "additionalProperties", "$schema",
  ]
  private static let keywords: [String: Set<String>] = [
    "string": ["minLength", "maxLength"],
    "integer": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
    "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
    "array": ["items", "minItems", "maxItems"],
    "object": ["properties", "required"],
    "boolean": [],
    "null": [],
  ]
  private static let scalars = ["string", "number", "boolean", "null"]
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
    let kept = try keywords(of: schema).union(Self.annotations)
    if let unknown = schema.keys.sorted().first(where: { !kept.contains($0) }) {
      throw refused("the keyword '\(unknown)' here")
    }
    for list in ["enum", "anyOf"] where schema[list] != nil && (schema[list]?.array ?? []).isEmpty {
      throw refused("a list '\(list)' without a value")
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

  /// The keywords that are kept in such a schema: those of its types, or what stands in their place.
  private func keywords(of schema: [String: JSONValue]) throws -> Set<String> {
    let implied = schema["properties"] == nil ? Self.scalars : ["object"]
    let kinds = schema["type"].map { ($0.array ?? [$0]).map { $0.string ?? "" } } ?? implied
    if kinds.isEmpty { throw refused("no type at all") }
    var kept: Set<String> = ["type"]
    for kind in kinds {
      guard let own = Self.keywords[kind] else { throw refused("the type '\(kind)'") }
      kept.formUnion(own)
    }
    if schema["$ref"] != nil { return ["$ref"] }
    if schema["const"] != nil || schema["enum"] != nil { return ["const", "enum", "type"] }
    return schema["anyOf"] == nil ? kept : ["anyOf"]
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
