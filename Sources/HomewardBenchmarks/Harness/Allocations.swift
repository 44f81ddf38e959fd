import CAllocationCounter

/// Allocations of this process, on all its threads.
enum Allocations {
    /// How many `body` asks for.
    static func count(_ body: () throws -> Void) rethrows -> Double {
        homeward_allocations_start()
        do {
            try body()
        } catch {
            _ = homeward_allocations_stop()
            throw error
        }
        return Double(homeward_allocations_stop())
    }

    private final class Planted {
        let number: Int
        init(_ number: Int) { self.number = number }
    }

    /// Shows that the counter sees blocks of C and objects and arrays of Swift, and nothing where nothing is allocated.
    static func proveCounter() throws {
        let planted = 1_000
        var kept: [Planted?] = Array(repeating: nil, count: planted)
        let blocks = count { homeward_allocations_plant(Int32(planted)) }
        let objects = count { for index in kept.indices { kept[index] = Planted(index) } }
        var sum = 0
        let nothing = count { for object in kept { sum += object?.number ?? 0 } }
        guard blocks == Double(planted), objects == Double(planted), nothing == 0, sum == planted * (planted - 1) / 2
        else {
            throw CannotRun("the counter found \(blocks) blocks, \(objects) objects, \(nothing) of nothing")
        }
    }
}
