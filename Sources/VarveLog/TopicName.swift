/// Which names a topic may have. Source: Kafka's `Topic.validate`.
enum TopicName {
    static func isValid(_ name: String) -> Bool {
        guard (1...249).contains(name.utf8.count), name != ".", name != ".." else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// Topics that the broker keeps for itself. They take records when the disk is full, so that
    /// consumers can still say how far they are. Source: Kafka's `Topic.isInternal`.
    static func isInternal(_ name: String) -> Bool {
        name == "__consumer_offsets" || name == "__transaction_state"
            || name == "__share_group_state"
    }
}
