import Foundation

/// What can go wrong, with a text for people.
public enum StudentError: Error, Equatable, LocalizedError {
  /// A file of the exported folder is missing, damaged or of another export.
  case damaged(String)
  /// The model computes something else on this device than at export.
  case selfTest(String)
  /// The text cannot be asked: empty, too long, or with a special token in it.
  case prompt(String)
  /// tools.json or the home cannot be guaranteed.
  case schema(String)

  public var errorDescription: String? {
    switch self {
    case .damaged(let text), .selfTest(let text), .prompt(let text), .schema(let text): return text
    }
  }
}
