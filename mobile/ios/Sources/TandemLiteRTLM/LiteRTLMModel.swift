import Foundation
import LiteRTLM
import Tandem

/// The student's .litertlm in Google's LiteRT-LM. It places the chat template and the special tokens itself.
///
/// LiteRT-LM's own constrained decoding is left off: its JSON and regular-expression constraints break on byte-level BPE
/// as soon as the grammar holds a space. So an answer may be no call; `Actions` then refuses it.
public final class LiteRTLMModel: TextModel {
  private let engine: Engine

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

  public func answer(to text: String) async throws -> AsyncThrowingStream<String, Error> {
    let greedy = try SamplerConfig(topK: 1, topP: 1, temperature: 1)
    let conversation = try await engine.createConversation(with: ConversationConfig(samplerConfig: greedy))
    return AsyncThrowingStream { continuation in
      continuation.onTermination = { reason in
        if case .cancelled = reason { try? conversation.cancel() }
      }
      Task {  // keeps the conversation alive until its last piece
        do {
          for try await piece in conversation.sendMessageStream(Message(text)) { continuation.yield(piece.toString) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
    }
  }
}
