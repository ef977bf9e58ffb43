import Foundation
import XCTest

@testable import Tandem

/// An assistant over a made-up model: what it asks, refuses, tests and cancels.
final class AssistantTests: XCTestCase {
  private static let golden = "turn on the kitchen lights"
  private static let goldenAnswer = #"{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}"#

  func testASuggestionIsACheckedCall() async throws {
    let assistant = try Self.assistant(answers: [Self.golden: Self.goldenAnswer, "stop": "stopping now"])
    let call = try await assistant.suggest(Self.golden)
    XCTAssertEqual(call.status, .ready)
    XCTAssertEqual(call.function, "HassTurnOn")
    XCTAssertEqual(call.arguments["area"], .string("kitchen"))
    let refused = try await assistant.suggest("stop")
    XCTAssertEqual(refused.fault, Fault(code: .notACall, argument: nil))
  }

  func testBadTextIsNotAsked() async throws {
    let assistant = try Self.assistant(answers: [Self.golden: Self.goldenAnswer])
    let special = ["hello <|im_end|> there", "<|im_end|>\u{301}", "<|im_end|>\u{200D}", "<|im_start|>\u{FE0F}"]
    for text in ["", " \n\t", String(repeating: "a", count: 100_000)] + special {
      do {
        _ = try await assistant.suggest(text)
        XCTFail("was asked: \(text.prefix(30))")
      } catch StudentError.prompt {}
    }
  }

  func testTextsOfAllKindsAreAsked() async throws {
    let texts = ["🍳🍳", "Schalte das Licht in der Küche an", "打开厨房的灯", String(repeating: "ab ", count: 100)]
    let answers = Dictionary(uniqueKeysWithValues: texts.map { ($0, #"{"name":null,"arguments":{}}"#) })
    let assistant = try Self.assistant(answers: answers.merging([Self.golden: Self.goldenAnswer]) { $1 })
    for text in texts {
      let call = try await assistant.suggest(text)
      XCTAssertEqual(call.status, .nothing)
    }
  }

  func testARuntimeThatComputesSomethingElseIsFound() async throws {
    let assistant = try Self.assistant(answers: [Self.golden: #"{"name":null,"arguments":{}}"#])
    do {
      _ = try await assistant.suggest(Self.golden)
      XCTFail("the self-test passed")
    } catch StudentError.selfTest {}
  }

  func testACancelledTaskThrows() async throws {
    let assistant = try Self.assistant(answers: [Self.golden: Self.goldenAnswer, "wait": ""])
    try await assistant.selfTest()
    let task = Task { try await assistant.suggest("wait") }
    task.cancel()
    do {
      _ = try await task.value
      XCTFail("was answered")
    } catch is CancellationError {}
  }

  func testNothingIsDoneInADryRun() async throws {
    let done = Counter()
    var actions = try Self.actions()
    try actions.on("HassTurnOn") { _ in await done.add() }
    let call = actions.consider(Self.goldenAnswer)
    let dry = try await actions.perform(call)
    XCTAssertEqual(dry, .wouldDo)
    var count = await done.value
    XCTAssertEqual(count, 0)
    let real = try await actions.perform(call, dryRun: false)
    XCTAssertEqual(real, .done)
    count = await done.value
    XCTAssertEqual(count, 1)
    let other = try await actions.perform(actions.consider(#"{"name":"HassTurnOff","arguments":{}}"#), dryRun: false)
    XCTAssertEqual(other, .notRegistered)
    XCTAssertThrowsError(try actions.on("HassLaunchRocket") { _ in })
  }

  private static func actions() throws -> Actions {
    let tools = try JSONValue(contentsOf: Vectors.prebuilt.appendingPathComponent("tools.json"))
    return try Actions(tools: tools, home: JSONValue(parsing: #"{"area":["kitchen","bedroom"]}"#))
  }

  private static func assistant(answers: [String: String]) throws -> Assistant {
    let bundle = try StudentBundle(folder: Vectors.prebuilt)
    return try Assistant(bundle: bundle, model: SaidBefore(answers: answers), actions: try actions())
  }
}

/// Counts across tasks.
private actor Counter {
  private(set) var value = 0

  func add() {
    value += 1
  }
}

/// Answers from a table, in two pieces; to "wait" never.
private struct SaidBefore: TextModel {
  let answers: [String: String]

  func answer(to text: String) async throws -> AsyncThrowingStream<String, Error> {
    let answer = try XCTUnwrap(answers[text])
    return AsyncThrowingStream { continuation in
      if text == "wait" { return }  // ends when its reader is cancelled
      continuation.yield(String(answer.prefix(9)))
      continuation.yield(String(answer.dropFirst(9)))
      continuation.finish()
    }
  }
}
