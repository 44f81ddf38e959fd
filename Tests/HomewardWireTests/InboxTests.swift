import HomewardCore
import HomewardWire
import Testing

@Suite("The inbox of a connection", .timeLimit(.minutes(1)))
struct InboxTests {
    private func frame(_ bytes: Int) -> Frame {
        Frame(kind: 1, channel: 1, payload: [UInt8](repeating: 0, count: bytes))
    }

    @Test("a connection that was told to stop is told to go on, whatever arrives in between")
    func pause() throws {
        let inbox = Inbox()
        let third = Inbox.limit / 3 + 1
        #expect(!inbox.add([frame(third), frame(third), frame(third)]))
        #expect(try #require(inbox.next()).resume == false)
        // Was on its way when the connection was stopped; there is room for it by now.
        #expect(!inbox.add([frame(10)]))
        #expect(try #require(inbox.next()).resume)
        #expect(inbox.add([frame(10)]))
    }
}
