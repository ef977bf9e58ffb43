import Foundation
import XCTest

@testable import Tandem

/// The edits of vectors/damaged.json.
enum Damage {
  static func make(_ edit: JSONValue, in folder: URL) throws {
    let manifest = folder.appendingPathComponent("bundle.json")
    let file = folder.appendingPathComponent(edit["file"]?.string ?? "bundle.json")
    switch edit["op"]?.string {
    case "set", "remove":
      let path = try XCTUnwrap(edit["path"]?.array).map { try XCTUnwrap($0.string) }
      let json = changed(try JSONValue(contentsOf: manifest), path[...], edit["op"]?.string == "set" ? edit["value"] : nil)
      try written(json).write(to: manifest, atomically: true, encoding: .utf8)
    case "text":
      try XCTUnwrap(edit["value"]?.string).write(to: manifest, atomically: true, encoding: .utf8)
    case "delete_file":
      try FileManager.default.removeItem(at: file)
    case "truncate_file":
      try Data(contentsOf: file).prefix(try XCTUnwrap(edit["bytes"]?.integer)).write(to: file)
    case "change_byte":
      var bytes = [UInt8](try Data(contentsOf: file))
      let at = try XCTUnwrap(edit["at"]?.integer)
      bytes[at] ^= 0xFF
      try Data(bytes).write(to: file)
    default:
      XCTFail("unknown edit \(edit)")
    }
  }

  private static func changed(_ json: JSONValue, _ path: ArraySlice<String>, _ value: JSONValue?) -> JSONValue {
    guard let key = path.first else { return value ?? .null }
    var members = json.object ?? [:]
    if path.count == 1, value == nil {
      members[key] = nil
    } else {
      members[key] = changed(members[key] ?? .object([:]), path.dropFirst(), value)
    }
    return .object(members)
  }

  /// JSON text of a value.
  private static func written(_ json: JSONValue) -> String {
    switch json {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let value): return json.integer.map(String.init) ?? String(value)
    case .string(let text): return quoted(text)
    case .array(let items): return "[" + items.map(written).joined(separator: ",") + "]"
    case .object(let members):
      return "{" + members.map { quoted($0) + ":" + written($1) }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let letters = text.utf16.map { unit -> String in
      let plain = (0x20..<0x7F).contains(unit) && unit != 0x22 && unit != 0x5C
      return plain ? String(UnicodeScalar(UInt8(unit))) : String(format: "\\u%04x", unit)
    }
    return "\"" + letters.joined() + "\""
  }
}
