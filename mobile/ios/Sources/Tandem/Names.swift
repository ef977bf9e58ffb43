import Foundation

/// The names of a home, by argument: which one a word of the user means (mobile/contract/README.md, "Names").
struct Names: Sendable {
  /// From this percentage on an entry is taken without asking.
  static let sure = 85
  /// From this percentage on an entry is suggested.
  static let similar = 50
  static let mostSuggestions = 3

  enum Meaning: Equatable {
    case taken(String)
    case unclear([String])
    case unknown
  }

  private struct Entry: Sendable {
    let name: String
    let keys: [[Unicode.Scalar]]
  }

  private let entries: [Entry]

  /// `list`: texts, or objects of a `name` and its `aliases`.
  init(_ list: [JSONValue], of argument: String) throws {
    entries = try list.map { item in
      let texts = item.string.map { [$0] } ?? Self.spellings(item)
      let keys = texts.map(Self.key)
      guard let name = texts.first, keys.allSatisfy({ !$0.isEmpty }) else {
        throw StudentError.schema(
          "The home's list of \(argument) holds something that is no name with letters or digits.")
      }
      return Entry(name: name, keys: keys)
    }
  }

  /// The name and the aliases of an object that holds nothing else; empty where it is another value.
  private static func spellings(_ item: JSONValue) -> [String] {
    guard let members = item.object, members.keys.allSatisfy({ $0 == "name" || $0 == "aliases" }),
      let name = members["name"]?.string, let aliases = (members["aliases"] ?? .array([])).array
    else { return [] }
    let texts = aliases.compactMap(\.string)
    return texts.count == aliases.count ? [name] + texts : []
  }

  /// Which entry `said` means.
  func meaning(of said: String) -> Meaning {
    let key = Self.key(said)
    let same = entries.filter { !key.isEmpty && $0.keys.contains(key) }.map { $0.name }
    if let only = same.first {
      return same.count == 1 ? .taken(only) : .unclear(Array(same.prefix(Self.mostSuggestions)))
    }
    let scored = entries.map { entry -> (entry: Entry, percent: Int, sameDigits: Bool) in
      let percents = entry.keys.map { Self.percent(key, $0) }
      let best = percents.max() ?? 0
      let nearest = entry.keys[percents.firstIndex(of: best) ?? 0]
      return (entry, best, Self.digits(nearest) == Self.digits(key))
    }
    let ordered = scored.enumerated().sorted { one, other in
      one.element.percent == other.element.percent
        ? one.offset < other.offset : one.element.percent > other.element.percent
    }.map { $0.element }
    if let best = ordered.first, best.percent >= Self.sure, best.sameDigits,
      ordered.dropFirst().allSatisfy({ $0.percent < best.percent })
    {
      return .taken(best.entry.name)
    }
    let suggestions = ordered.filter { $0.percent >= Self.similar }.prefix(Self.mostSuggestions).map { $0.entry.name }
    return suggestions.isEmpty ? .unknown : .unclear(Array(suggestions))
  }

  /// What two spellings of one name have in common: no marks, lower case, one space for everything else.
  static func key(_ text: String) -> [Unicode.Scalar] {
    var key: [Unicode.Scalar] = []
    for scalar in text.decomposedStringWithCanonicalMapping.unicodeScalars {
      let category = scalar.properties.generalCategory
      if category == .nonspacingMark { continue }
      if isWord(category) {
        key.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      } else if key.last != " " {
        key.append(" ")
      }
    }
    if key.first == " " { key.removeFirst() }
    if key.last == " " { key.removeLast() }
    return key
  }

  /// 100 · (L − distance) div L, with L the length of the longer key.
  static func percent(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    guard !one.isEmpty, !other.isEmpty else { return 0 }
    let longer = max(one.count, other.count)
    return 100 * (longer - distance(one, other)) / longer
  }

  /// Optimal string alignment: insert, delete, replace and swap of two neighbours cost 1; no part is edited twice.
  static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    var before: [Int] = []
    var above = Array(0...other.count)
    for row in 1..<(one.count + 1) {
      var current = [row]
      for column in 1..<(other.count + 1) {
        let same = one[row - 1] == other[column - 1]
        var best = min(above[column] + 1, current[column - 1] + 1, above[column - 1] + (same ? 0 : 1))
        if row > 1, column > 1, one[row - 1] == other[column - 2], one[row - 2] == other[column - 1] {
          best = min(best, before[column - 2] + 1)
        }
        current.append(best)
      }
      (before, above) = (above, current)
    }
    return above[other.count]
  }

  private static func digits(_ key: [Unicode.Scalar]) -> [Unicode.Scalar] {
    key.filter { $0.properties.generalCategory == .decimalNumber }
  }

  private static func isWord(_ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
      .letterNumber, .otherNumber, .spacingMark, .enclosingMark:
      return true
    default:
      return false
    }
  }
}
