import Foundation
import XCTest

@testable import Tandem

/// The parts of the contract that this package has code for, case by case.
final class ContractTests: XCTestCase {
  func testIdsSpellTheirText() throws {
    let tokens = try TokenText(contentsOf: Vectors.prebuilt.appendingPathComponent("tokenizer.json"))
    for entry in try Vectors.cases("tokenizer", "decode") {
      XCTAssertEqual(.string(tokens.text(try Vectors.ids(entry["ids"]))), entry["text"])
    }
    XCTAssertTrue(tokens.special.contains("<|im_end|>"))
  }

  func testAnswersBecomeCalls() throws {
    let file = try Vectors.read("actions")
    let shipped = try JSONValue(contentsOf: Vectors.prebuilt.appendingPathComponent("tools.json"))
    for entry in try Vectors.cases("actions", "cases") {
      let tools = try entry["tools"]?.string.map { try XCTUnwrap(file["toolsets"]?[$0]) } ?? shipped
      let home = try XCTUnwrap(file["homes"]?[try XCTUnwrap(entry["home"]?.string)])
      let text = try XCTUnwrap(entry["text"]?.string)
      let call = try Actions(tools: tools, home: home).consider(text)
      XCTAssertEqual(Self.json(call), entry["result"], text)
    }
  }

  func testNamesAreAlikeAsEverywhere() throws {
    for entry in try Vectors.cases("actions", "similarity") {
      let one = Names.key(try XCTUnwrap(entry["a"]?.string))
      let other = Names.key(try XCTUnwrap(entry["b"]?.string))
      XCTAssertEqual(Names.percent(one, other), entry["percent"]?.integer)
      let keys = [one, other].map { key in JSONValue.string(String(String.UnicodeScalarView(key))) }
      XCTAssertEqual(.array(keys), entry["keys"])
    }
  }

  func testDamagedFoldersAreRefused() throws {
    for entry in try Vectors.cases("damaged", "cases") where entry["found_by"]?.string != "model" {
      let folder = try Vectors.copyOfFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      for edit in try XCTUnwrap(entry["edits"]?.array) { try Damage.make(edit, in: folder) }
      XCTAssertThrowsError(try Self.useAll(folder), entry["name"]?.string ?? "")
    }
    XCTAssertNoThrow(try Self.useAll(Vectors.prebuilt))
  }

  private static func useAll(_ folder: URL) throws {
    let bundle = try StudentBundle(folder: folder)
    for file in try FileManager.default.contentsOfDirectory(atPath: Vectors.prebuilt.path)
    where file != "bundle.json" && file != "README.md" { _ = try bundle.checked(file) }
    _ = try TokenText(contentsOf: bundle.checked("tokenizer.json"))
    _ = try Actions(tools: JSONValue(contentsOf: bundle.checked(bundle.toolsFile)))
  }

  private static func json(_ call: Call) -> JSONValue {
    let text = { (value: String?) -> JSONValue in value.map { JSONValue.string($0) } ?? .null }
    return .object([
      "status": .string(call.status.rawValue),
      "function": text(call.function),
      "arguments": .object(call.arguments),
      "corrected": .array(
        call.corrected.map {
          .object(["argument": .string($0.argument), "said": .string($0.said), "meant": .string($0.meant)])
        }),
      "questions": .array(
        call.questions.map {
          .object([
            "argument": .string($0.argument), "said": .string($0.said),
            "suggestions": .array($0.suggestions.map { .string($0) }),
          ])
        }),
      "code": text(call.fault?.code.rawValue),
      "argument": text(call.fault?.argument),
    ])
  }
}
