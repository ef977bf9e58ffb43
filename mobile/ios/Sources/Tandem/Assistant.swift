import Foundation

/// What an `Assistant` asks: the student behind some runtime.
public protocol TextModel: Sendable {
  /// The greedy answer to one user text, piece by piece; a conversation of its own. Cancelling the task that reads the
  /// stream ends the computation.
  func answer(to text: String) async throws -> AsyncThrowingStream<String, Error>
}

/// From what a user says to a checked call. Nothing is carried out here: see `Actions.perform`.
///
/// ```swift
/// let bundle = try StudentBundle(folder: folder)
/// let actions = try Actions(tools: JSONValue(contentsOf: bundle.checked(bundle.toolsFile)), home: home)
/// let assistant = try Assistant(bundle: bundle, model: try await LiteRTLMModel(bundle: bundle), actions: actions)
/// let call = try await assistant.suggest("turn on the kitchen lights")
/// ```
public actor Assistant {
  private let bundle: StudentBundle
  private let model: any TextModel
  private let actions: Actions
  private let tokens: TokenText
  private var isTested = false
  private var running: Task<String, Error>?

  public init(bundle: StudentBundle, model: any TextModel, actions: Actions) throws {
    self.bundle = bundle
    self.model = model
    self.actions = actions
    tokens = try TokenText(contentsOf: bundle.checked("tokenizer.json"))
  }

  /// The call that a text comes to. A new text ends the answer to the one before it.
  ///
  /// - Parameter onText: gets the model's answer as it comes.
  /// - Throws: `StudentError.prompt` for a text that cannot be asked, `StudentError.selfTest` on the first call where
  ///   this device computes something else than at export, `CancellationError` where the task was cancelled.
  public func suggest(_ text: String, onText: (@Sendable (String) -> Void)? = nil) async throws -> Call {
    try check(text)
    try await selfTest()
    return actions.consider(try await answer(to: text, onText: onText))
  }

  /// Asks the golden prompt of bundle.json and compares the first tokens, once; `suggest` does so by itself.
  public func selfTest() async throws {
    if isTested { return }
    guard let ids = bundle.golden.firstIds["int8"], !ids.isEmpty else {
      throw StudentError.damaged("bundle.json has no golden ids for int8, the variant inside the .litertlm.")
    }
    let expected = tokens.spelled(ids)
    let got = try await answer(to: bundle.golden.userText, onText: nil)
    guard Array(got.utf8).starts(with: expected) else {
      throw StudentError.selfTest(
        "Self-test failed: the golden prompt is answered '\(got)', and at export the answer began "
          + "'\(tokens.text(ids))'. This runtime computes something else, or the .litertlm is of another export.")
    }
    isTested = true
  }

  /// Ends the answer that is under way.
  public func cancel() {
    running?.cancel()
  }

  private func answer(to text: String, onText: (@Sendable (String) -> Void)?) async throws -> String {
    while let earlier = running {
      earlier.cancel()
      _ = await earlier.result
      if running == earlier { running = nil }
    }
    let model = self.model
    let task = Task { () async throws -> String in
      var whole = ""
      for try await piece in try await model.answer(to: text) {
        whole += piece
        onText?(piece)
      }
      try Task.checkCancellation()  // a stream that ends early because of it ends without an error
      return whole
    }
    running = task
    defer { if running == task { running = nil } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  private func check(_ text: String) throws {
    guard text.contains(where: { !$0.isWhitespace }) else {
      throw StudentError.prompt("The text is empty: there is nothing to answer.")
    }
    if let special = tokens.special.first(where: { Self.holds(text, $0) }) {
      throw StudentError.prompt("The text holds \(special), which would end it for the model. Take it out.")
    }
    // No text has fewer tokens than this. LiteRT-LM itself refuses the others that are too long.
    guard text.utf8.count / max(1, tokens.longest) < bundle.window else {
      throw StudentError.prompt("The text is too long: the model reads \(bundle.window) tokens. Shorten it.")
    }
  }

  /// By bytes, as a tokenizer reads: a `Character` swallows an accent or a joiner behind the last `>`.
  private static func holds(_ text: String, _ special: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: special.utf8) }
  }
}
