/// A number with what it counts, for messages: `1 update`, `2 updates`.
package func counted(_ number: UInt64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
