import Foundation

/// What tokens spell, from a tokenizer.json with byte-level BPE: what the self-test reads the golden ids by.
public struct TokenText: Sendable {
  /// Spellings of the special tokens: a text that holds one is not asked (LiteRT-LM would read it as the token).
  public let special: [String]
  /// Bytes of the longest token.
  public let longest: Int
  private let bytes: [Int: [UInt8]]

  public init(contentsOf file: URL) throws {
    guard let json = try? JSONValue(contentsOf: file), json["model"]?["type"]?.string == "BPE",
      json["decoder"]?["type"]?.string == "ByteLevel", let vocabulary = json["model"]?["vocab"]?.object
    else {
      throw StudentError.damaged("\(file.path) is no tokenizer.json of a byte-level BPE. Copy the folder again.")
    }
    let added = json["added_tokens"]?.array ?? []
    let specialIds = Set(added.compactMap { $0["id"]?.integer })
    var bytes: [Int: [UInt8]] = [:]
    for (text, value) in vocabulary {
      guard let id = value.integer, !specialIds.contains(id) else { continue }
      let spelled = text.unicodeScalars.compactMap { Self.byteOfLetter[$0] }
      if spelled.count == text.unicodeScalars.count { bytes[id] = spelled }
    }
    self.bytes = bytes
    special = added.compactMap { $0["content"]?.string }
    longest = bytes.values.map(\.count).max() ?? 0
  }

  /// UTF-8 of the ids one after the other; special and unknown ones spell nothing.
  public func spelled(_ ids: [Int]) -> [UInt8] {
    ids.flatMap { bytes[$0] ?? [] }
  }

  /// The text of the ids; malformed parts are U+FFFD.
  public func text(_ ids: [Int]) -> String {
    String(decoding: spelled(ids), as: UTF8.self)
  }

  /// Printable letters of Latin-1 stand for themselves, the other bytes for U+0100 and on (Radford et al. 2019, GPT-2).
  private static let byteOfLetter: [Unicode.Scalar: UInt8] = {
    var letters: [Unicode.Scalar: UInt8] = [:]
    var others: UInt32 = 0x100
    for byte in UInt8.min...UInt8.max {
      let printable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
      if printable {
        letters[Unicode.Scalar(byte)] = byte
      } else if let letter = Unicode.Scalar(others) {
        letters[letter] = byte
        others += 1
      }
    }
    return letters
  }()
}
