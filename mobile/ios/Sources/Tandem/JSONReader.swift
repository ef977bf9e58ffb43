/// Reads JSON from UTF-8 bytes, by recursive descent.
struct JSONReader {
  /// Deeper values end in an error, not in a full stack.
  private static let deepest = 64

  private let bytes: [UInt8]
  private var at = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func whole() throws -> JSONValue {
    let value = try self.value(depth: 0)
    skipSpace()
    guard at == bytes.count else { throw error("text after the value") }
    return value
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    skipSpace()
    if peek == UInt8(ascii: "{") || peek == UInt8(ascii: "[") {
      guard depth < Self.deepest else { throw error("more than \(Self.deepest) objects and lists inside one another") }
    }
    switch peek {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws -> JSONValue {
    var members: [String: JSONValue] = [:]
    at += 1
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw error("a key was expected") }
      let key = try string()
      skipSpace()
      guard take(":") else { throw error("':' was expected") }
      members[key] = try value(depth: depth + 1)
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("',' or '}' was expected") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws -> JSONValue {
    var items: [JSONValue] = []
    at += 1
    skipSpace()
    if take("]") { return .array(items) }
    repeat {
      items.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw error("',' or ']' was expected") }
    return .array(items)
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws -> JSONValue {
    let letters = Array(word.utf8)
    guard bytes[at...].starts(with: letters) else { throw error("an unknown word") }
    at += letters.count
    return value
  }

  private mutating func number() throws -> JSONValue {
    let start = at
    _ = take("-")
    let whole = digits()
    guard whole > 0, whole == 1 || bytes[at - whole] != UInt8(ascii: "0") else { throw error("no number") }
    if take("."), digits() == 0 { throw error("digits were expected") }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard digits() > 0 else { throw error("digits were expected") }
    }
    guard let value = Double(String(decoding: bytes[start..<at], as: UTF8.self)) else { throw error("no number") }
    return .number(value)
  }

  private mutating func digits() -> Int {
    let start = at
    while let byte = peek, (0x30...0x39).contains(byte) { at += 1 }
    return at - start
  }

  private mutating func string() throws -> String {
    var units: [UInt8] = []
    at += 1
    while true {
      guard let byte = peek, byte >= 0x20 else { throw error("a string does not end, or holds a control character") }
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        let text = String(decoding: units, as: UTF8.self)
        guard text.utf8.elementsEqual(units) else { throw error("a string is no UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        let character = try escape()
        units.append(contentsOf: String(character).utf8)
      default: units.append(byte)
      }
    }
  }

  private mutating func escape() throws -> Character {
    guard let letter = peek else { throw error("a string does not end") }
    at += 1
    switch letter {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return Character(try unicode())
    default: throw error("an unknown escape")
    }
  }

  /// After `\u`: one code point, from two escapes where it is above U+FFFF; a lone surrogate is U+FFFD.
  private mutating func unicode() throws -> Unicode.Scalar {
    let first = try hex()
    if (0xD800...0xDBFF).contains(first), bytes[at...].starts(with: Array("\\u".utf8)) {
      let back = at
      at += 2
      let second = try hex()
      if (0xDC00...0xDFFF).contains(second) {
        return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) ?? "\u{FFFD}"
      }
      at = back
    }
    return Unicode.Scalar(first) ?? "\u{FFFD}"
  }

  private mutating func hex() throws -> UInt32 {
    guard at + 4 <= bytes.count else { throw error("four hexadecimal digits were expected") }
    let digits = String(decoding: bytes[at..<at + 4], as: UTF8.self)
    guard !digits.hasPrefix("+"), !digits.hasPrefix("-"), let value = UInt32(digits, radix: 16) else {
      throw error("four hexadecimal digits were expected")
    }
    at += 4
    return value
  }

  private var peek: UInt8? {
    at < bytes.count ? bytes[at] : nil
  }

  private mutating func take(_ letter: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: letter) else { return false }
    at += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
  }

  private func error(_ reason: String) -> JSONError {
    JSONError(reason: reason, byte: at)
  }
}
