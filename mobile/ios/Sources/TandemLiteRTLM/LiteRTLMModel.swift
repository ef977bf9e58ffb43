import Foundation
import LiteRTLM
import Tandem

/// The student's .litertlm in Google's LiteRT-LM. It places the chat template and the special tokens itself.
///
/// An engine holds one session: a conversation begins when nothing holds the one before any more, cancelled or not.
///
/// LiteRT-LM's own constrained decoding is left off: its JSON and regular-expression constraints break on byte-level BPE
/// as soon as the grammar holds a space. So an answer may be no call; `Actions` then refuses it.
public actor LiteRTLMModel: TextModel {
  private let engine: Engine
  private var last: Task<Void, Never>?

  /// Loads the model, which takes a while: call it off the main actor.
  ///
  /// - Throws: `StudentError.damaged` where the folder has no intact .litertlm, `LiteRTLMError` where it does not load.
  public init(bundle: StudentBundle) async throws {
    let file = try bundle.checked(bundle.litertlmFile)
    let config = try EngineConfig(
      modelPath: file.path, backend: .cpu(), maxNumTokens: bundle.window, cacheDir: NSTemporaryDirectory())
    engine = Engine(engineConfig: config)
    try await engine.initialize()
  }

  public func answer(to text: String) -> AsyncThrowingStream<String, Error> {
    let (pieces, continuation) = AsyncThrowingStream<String, Error>.makeStream()
    let earlier = last
    let engine = self.engine
    last = Task {
      await earlier?.value
      await Self.answer(text, with: engine, into: continuation)
    }
    return pieces
  }

  /// One conversation to its end. A reader who went away cancels it, and it is read on until the native side has ended.
  private static func answer(
    _ text: String, with engine: Engine, into pieces: AsyncThrowingStream<String, Error>.Continuation
  ) async {
    weak var held: Conversation?
    var failure: Error?
    do {
      let greedy = try SamplerConfig(topK: 1, topP: 1, temperature: 1)
      let conversation = try await engine.createConversation(with: ConversationConfig(samplerConfig: greedy))
      held = conversation
      for try await piece in conversation.sendMessageStream(Message(text)) {
        if case .terminated = pieces.yield(piece.toString) { try? conversation.cancel() }
      }
    } catch {
      failure = error
    }
    // Only deinit frees the session, and LiteRT-LM's callback holds the conversation for a moment after its last piece.
    for _ in 0..<1000 where held != nil { try? await Task.sleep(nanoseconds: 1_000_000) }
    pieces.finish(throwing: failure)
  }
}
