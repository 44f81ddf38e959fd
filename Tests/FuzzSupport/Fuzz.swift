import Foundation
import HomewardCore

/// Rounds of a structured random fuzzer, each repeated by its seed.
///
/// Every run of the tests takes a few rounds from a fixed base. `HOMEWARD_FUZZ_ROUNDS` takes more, and
/// `HOMEWARD_FUZZ_SEED` begins elsewhere. The seed of the round under way stands in the file that `HOMEWARD_FUZZ_NOTE`
/// names, so that it is known also after a round that ended the process.
public enum Fuzz {
    /// The first seed.
    public static let base = number("HOMEWARD_FUZZ_SEED") ?? 20_261_125

    /// Rounds of one fuzzer: those that were asked for, else the usual number; `cost` is how many cheap rounds one is worth.
    public static func rounds(_ usual: Int, cost: Int = 1) -> Int {
        number("HOMEWARD_FUZZ_ROUNDS").map { max(1, Int($0) / cost) } ?? usual
    }

    /// Runs rounds, each with a generator of its own.
    public static func run(
        _ fuzzer: String,
        _ usual: Int,
        cost: Int = 1,
        _ body: (inout FuzzGenerator) throws -> Void
    ) throws {
        for round in 0..<rounds(usual, cost: cost) {
            let seed = base &+ UInt64(round)
            note("\(fuzzer) HOMEWARD_FUZZ_SEED=\(seed) HOMEWARD_FUZZ_ROUNDS=\(cost)")
            var generator = FuzzGenerator(seed: seed)
            do { try body(&generator) } catch {
                print("seed \(seed) of \(fuzzer): \(error)")
                throw error
            }
        }
        note("\(fuzzer) ended")
    }

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    private static let noteFile = ProcessInfo.processInfo.environment["HOMEWARD_FUZZ_NOTE"]

    /// One file for each fuzzer: they run side by side.
    private static func note(_ text: String) {
        guard let noteFile else { return }
        let name = text.prefix { $0 != " " }
        try? Data((text + "\n").utf8).write(to: URL(fileURLWithPath: "\(noteFile).\(name)"))
    }
}

/// A generator that gives the same numbers for the same seed, and knows what breaks decoders.
public struct FuzzGenerator: RandomNumberGenerator, Sendable {
    public let seed: UInt64
    private var words: SeededGenerator

    public init(seed: UInt64) {
        self.seed = seed
        words = SeededGenerator(seed: seed)
    }

    public mutating func next() -> UInt64 { words.next() }

    public mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &self) }

    public mutating func chance(_ one: Int) -> Bool { below(one) == 0 }

    public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// Numbers at the ends of their ranges, at powers of two, small ones, and any.
    public mutating func word() -> UInt64 {
        switch below(6) {
        case 0: return UInt64(below(8))
        case 1: return UInt64.max - UInt64(below(4))
        case 2: return (1 << UInt64(below(64))) &+ UInt64(below(3)) &- 1
        case 3: return UInt64(UInt32.max) &- 1 &+ UInt64(below(3))
        case 4: return UInt64(below(1 << 24))
        default: return next()
        }
    }

    /// Changes bytes in one to four places.
    public mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(4) {
            guard !bytes.isEmpty else { return self.bytes(below(40)) }
            let place = below(bytes.count)
            switch below(9) {
            case 0: bytes[place] ^= 1 << UInt8(below(8))
            case 1: bytes[place] = UInt8(truncatingIfNeeded: word())
            case 2: overwrite(&bytes, at: place, word())
            case 3: overwrite(&bytes, at: place, UInt32(truncatingIfNeeded: word()))
            case 4: bytes.removeSubrange(place...)
            case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
            case 6: bytes.insert(contentsOf: self.bytes(1 + below(16)), at: place)
            case 7: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + below(64))], at: place)
            default: bytes += self.bytes(below(64))
            }
        }
        return bytes
    }

    private mutating func overwrite(_ bytes: inout [UInt8], at place: Int, _ value: some FixedWidthInteger) {
        withUnsafeBytes(of: chance(2) ? value.littleEndian : value.bigEndian) { raw in
            for (offset, byte) in raw.enumerated() where place + offset < bytes.count { bytes[place + offset] = byte }
        }
    }

    /// Changes one value somewhere in a text of JSON: a number, a text, a list, a key that is gone.
    public mutating func mutateJSON(_ text: [UInt8]) -> [UInt8] {
        guard var root = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed) else {
            return mutate(text)
        }
        for _ in 0...below(3) { root = changed(root, depth: 0) }
        let data = try? JSONSerialization.data(withJSONObject: root, options: .fragmentsAllowed)
        return data.map { [UInt8]($0) } ?? text
    }

    private mutating func changed(_ value: Any, depth: Int) -> Any {
        // Down to a leaf mostly, so that changes of the whole are rare.
        if depth < 8, !chance(6) {
            if let object = value as? [String: Any], !object.isEmpty {
                var object = object
                let key = pick(object.keys.sorted())
                object[key] = chance(12) ? nil : object[key].map { changed($0, depth: depth + 1) }
                return object
            }
            if let list = value as? [Any], !list.isEmpty {
                var list = list
                let place = below(list.count)
                list[place] = changed(list[place], depth: depth + 1)
                return list
            }
        }
        switch value {
        case let list as [Any] where chance(2):
            return chance(2) ? [] : (0..<(1 + below(300))).flatMap { _ in list.prefix(8) }
        case let text as String:
            let texts = [
                "", "../../x", String(repeating: "n", count: below(100_000)), text + "\u{0}", "0",
                String(text.dropLast()),
            ]
            return pick(texts)
        case is NSNumber: return NSNumber(value: word())
        default: return pick([NSNull(), NSNumber(value: word()), "x", [Any](), [String: Any]()] as [Any])
        }
    }
}
