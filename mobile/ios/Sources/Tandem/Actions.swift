import Foundation

/// The safe way from an answer of the model to an effect.
///
/// What the model says is checked against tools.json, names are looked up in the home's lists, and only then may a
/// function that the app registered be called; without `dryRun: false` not even that.
///
/// ```swift
/// var actions = try Actions(tools: JSONValue(contentsOf: toolsFile), home: JSONValue(parsing: #"{"area":["kitchen"]}"#))
/// try actions.on("HassTurnOn") { arguments in lights.turnOn(area: arguments["area"]?.string) }
/// let outcome = try await actions.perform(call)  // dry: says what it would do
/// ```
public struct Actions: Sendable {
  public typealias Effect = @Sendable ([String: JSONValue]) async throws -> Void

  /// What happened: `done` only where the app's function was called.
  public enum Outcome: Equatable, Sendable {
    case done
    case wouldDo
    case notRegistered
    case notReady(Call.Status)
  }

  private let parameters: [String: JSONValue]
  private let home: [String: Names?]
  private var effects: [String: Effect] = [:]

  /// - Parameters:
  ///   - tools: tools.json, a list of `{"name", "parameters": JSON schema}`.
  ///   - home: lists of names by argument; `Function.argument` goes before `argument`, null means that any text will do.
  /// - Throws: `StudentError.schema` where one of them cannot be guaranteed.
  public init(tools: JSONValue, home: JSONValue = .object([:])) throws {
    var parameters: [String: JSONValue] = [:]
    for tool in tools.array ?? [] {
      guard let name = tool["name"]?.string, !name.isEmpty, parameters[name] == nil else {
        throw StudentError.schema("tools.json is no list of functions with names that differ.")
      }
      let own = tool["parameters"] ?? .null
      parameters[name] = own == .null ? .object([:]) : own
    }
    guard !parameters.isEmpty else { throw StudentError.schema("tools.json is no list of functions.") }
    for (name, root) in parameters { try SchemaKeywords(function: name, root: root).check() }
    self.parameters = parameters
    self.home = try Self.lists(home, parameters)
  }

  /// Registers what to do for a function; `StudentError.schema` where tools.json has none of that name.
  public mutating func on(_ function: String, _ effect: @escaping Effect) throws {
    guard parameters[function] != nil else {
      throw StudentError.schema("tools.json has no function '\(function)'.")
    }
    effects[function] = effect
  }

  /// What an answer comes to; nothing is done.
  ///
  /// - Parameter choices: names by argument that answer earlier questions.
  public func consider(_ text: String, choices: [String: String] = [:]) -> Call {
    guard let spoken = SpokenCall(text) else { return .refused(nil, Fault(code: .notACall, argument: nil)) }
    guard let function = spoken.name else { return Call(.nothing) }
    guard let root = parameters[function] else {
      return .refused(nil, Fault(code: .unknownFunction, argument: nil))
    }
    let arguments = spoken.arguments.merging(choices.mapValues { JSONValue.string($0) }) { $1 }
    if let fault = SchemaCheck(root: root).arguments(arguments) { return .refused(function, fault) }
    return resolved(function, arguments)
  }

  /// Calls the registered effect of a call that is ready, where `dryRun` is off. What the effect throws comes through.
  public func perform(_ call: Call, dryRun: Bool = true) async throws -> Outcome {
    guard call.status == .ready, let function = call.function else { return .notReady(call.status) }
    guard let effect = effects[function] else { return .notRegistered }
    if dryRun { return .wouldDo }
    try await effect(call.arguments)
    return .done
  }

  private func resolved(_ function: String, _ arguments: [String: JSONValue]) -> Call {
    var meant = arguments
    var corrected: [Call.Correction] = []
    var questions: [Call.Question] = []
    let order = arguments.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    for argument in order {
      guard let said = arguments[argument]?.string, let names = self.names(function, argument) else { continue }
      switch names.meaning(of: said) {
      case .taken(let name):
        meant[argument] = .string(name)
        if !name.utf8.elementsEqual(said.utf8) { corrected.append(.init(argument: argument, said: said, meant: name)) }
      case .unclear(let suggestions):
        questions.append(.init(argument: argument, said: said, suggestions: suggestions))
      case .unknown:
        return .refused(function, Fault(code: .unknownName, argument: argument))
      }
    }
    let status: Call.Status = questions.isEmpty ? .ready : .ask
    return Call(status, function: function, arguments: meant, corrected: corrected, questions: questions)
  }

  /// The list for an argument; nil where any text will do.
  private func names(_ function: String, _ argument: String) -> Names? {
    if let special = home["\(function).\(argument)"] { return special }
    return home[argument] ?? nil
  }

  private static func lists(_ home: JSONValue, _ parameters: [String: JSONValue]) throws -> [String: Names?] {
    var known: Set<String> = []
    for (function, root) in parameters {
      for argument in (root["properties"]?.object ?? [:]).keys {
        known.formUnion([argument, "\(function).\(argument)"])
      }
    }
    guard let members = home.object else { throw StudentError.schema("The home is no object of lists of names.") }
    var lists: [String: Names?] = [:]
    for (argument, value) in members {
      guard known.contains(argument) else {
        throw StudentError.schema("The home lists names for '\(argument)', which no function of tools.json has.")
      }
      guard value != .null else {
        lists.updateValue(nil, forKey: argument)
        continue
      }
      guard let items = value.array else { throw StudentError.schema("The home's \(argument) is no list of names.") }
      lists.updateValue(try Names(items, of: argument), forKey: argument)
    }
    return lists
  }
}
