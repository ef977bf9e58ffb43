import Foundation
import XCTest

@testable import Tandem

/// The files that all languages are checked against, and the folder they were made from.
enum Vectors {
  private static let mobile = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let prebuilt = mobile.appendingPathComponent("prebuilt/small")

  /// One file of mobile/contract/vectors. Fails where it was made from another export.
  static func read(_ name: String) throws -> JSONValue {
    let vectors = try JSONValue(contentsOf: mobile.appendingPathComponent("contract/vectors/\(name).json"))
    let bundle = try JSONValue(contentsOf: prebuilt.appendingPathComponent("bundle.json"))
    for (file, sha256) in try XCTUnwrap(vectors["inputs"]?.object) where file != "bundle.json" {
      XCTAssertEqual(bundle["files"]?[file]?["sha256"], sha256, "\(name).json is of another \(file)")
    }
    return vectors
  }

  /// A list of cases, which may not be empty.
  static func cases(_ name: String, _ list: String) throws -> [JSONValue] {
    let cases = try XCTUnwrap(try read(name)[list]?.array)
    XCTAssertFalse(cases.isEmpty)
    return cases
  }

  static func ids(_ value: JSONValue?) throws -> [Int] {
    try XCTUnwrap(value?.array).map { try XCTUnwrap($0.integer) }
  }

  /// A fresh copy of the prebuilt folder.
  static func copyOfFolder() throws -> URL {
    let copy = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.copyItem(at: prebuilt, to: copy)
    return copy
  }
}
