/// Numbers of the NBD protocol (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md), by their names
/// there.
package enum NBD {
    /// "NBDMAGIC" in ASCII.
    package static let greetingMagic: UInt64 = 0x4E42_444D_4147_4943
    /// "IHAVEOPT" in ASCII.
    package static let optionMagic: UInt64 = 0x4948_4156_454F_5054
    package static let optionReplyMagic: UInt64 = 0x0003_E889_0455_65A9
    package static let requestMagic: UInt32 = 0x2560_9513
    package static let replyMagic: UInt32 = 0x6744_6698

    package static let requestHeaderLength = 28
    package static let replyHeaderLength = 16
    package static let optionHeaderLength = 16
    package static let optionReplyHeaderLength = 20

    /// Handshake flags, of server and client alike.
    package static let fixedNewstyle: UInt16 = 1 << 0
    package static let noZeroes: UInt16 = 1 << 1

    package enum Option {
        package static let exportName: UInt32 = 1
        package static let abort: UInt32 = 2
        package static let list: UInt32 = 3
        package static let startTLS: UInt32 = 5
        package static let info: UInt32 = 6
        package static let go: UInt32 = 7
        package static let structuredReply: UInt32 = 8
    }

    package enum OptionReply {
        package static let ack: UInt32 = 1
        package static let server: UInt32 = 2
        package static let info: UInt32 = 3
        package static let unsupported: UInt32 = 1 << 31 | 1
        package static let policy: UInt32 = 1 << 31 | 2
        package static let invalid: UInt32 = 1 << 31 | 3
        package static let unknown: UInt32 = 1 << 31 | 6
        package static let shutdown: UInt32 = 1 << 31 | 7
        package static let tooBig: UInt32 = 1 << 31 | 9

        package static func isError(_ type: UInt32) -> Bool { type & 1 << 31 != 0 }
    }

    package enum Info {
        package static let export: UInt16 = 0
        package static let name: UInt16 = 1
        package static let description: UInt16 = 2
        package static let blockSize: UInt16 = 3
    }

    package enum TransmissionFlag {
        package static let hasFlags: UInt16 = 1 << 0
        package static let readOnly: UInt16 = 1 << 1
        package static let sendFlush: UInt16 = 1 << 2
        package static let sendFUA: UInt16 = 1 << 3
        package static let sendTrim: UInt16 = 1 << 5
        package static let sendWriteZeroes: UInt16 = 1 << 6
        package static let canMultiConn: UInt16 = 1 << 8
    }

    package enum Command {
        package static let read: UInt16 = 0
        package static let write: UInt16 = 1
        package static let disconnect: UInt16 = 2
        package static let flush: UInt16 = 3
        package static let trim: UInt16 = 4
        package static let writeZeroes: UInt16 = 6
    }

    package enum CommandFlag {
        package static let forceUnitAccess: UInt16 = 1 << 0
        package static let noHole: UInt16 = 1 << 1
        package static let fastZero: UInt16 = 1 << 4
    }

    /// Errors in replies: the errno values of Linux, whatever the platform.
    package enum Failure: UInt32, Sendable {
        case success = 0
        case notPermitted = 1
        case io = 5
        case invalid = 22
        case noSpace = 28
        case notSupported = 95
        case shutdown = 108
    }
}

/// What this release takes.
///
/// Everything that a client can make long, and what a server can make long for our client, has its limit here.
package enum NBDLimits {
    /// The protocol's own limit for names and texts.
    package static let name = 4096
    /// An option that is read into memory: a name and some two thousand information requests.
    package static let option = 8 << 10
    /// A longer option ends the connection instead of being read over.
    package static let drainedOption = 1 << 20
    /// Payload of one READ or WRITE, as advertised by NBD_INFO_BLOCK_SIZE; the protocol's recommendation.
    package static let payload = 32 << 20
    package static let preferredBlock: UInt32 = 4096
    /// Requests of one connection that wait for their replies.
    package static let requestsInFlight = 1024
    /// Bytes of replies that a connection gathers while its client reads none, before it takes no more requests.
    package static let repliesPending = 64 << 10
    /// Memory of one connection: one payload of the largest size and some.
    package static let bytesHeld = 48 << 20
    /// Memory lent to all connections together; beyond it each still gets one buffer at a time, so that all make
    /// progress.
    package static let bytesLent = 512 << 20
    /// Buffers kept for reuse.
    package static let bytesIdle = 64 << 20
    package static let connections = 256
    /// How long a client may say nothing, or read nothing, before it has chosen an export: it holds one of the connections.
    ///
    /// And how long our client's handshake may take with a server that says nothing, or says it slowly.
    package static let handshakeSeconds = 30
    /// Bytes that our client takes from a server before a volume is open: names of some hundred thousand exports.
    package static let answers = 8 << 20
    /// One receive buffer: sixty-odd writes of 4 KiB.
    package static let receiveBuffer = 256 << 10
    /// A payload above this that has not arrived yet is received into a buffer of its own.
    package static let inlinePayload = 64 << 10
}
