internal import VarvePlatform

/// From subscriptions to a target, and from there to what each member has.
extension ConsumerGroup {
    /// Looks up what the members subscribe to; true when that is not what it was.
    mutating func readTopics(_ catalog: TopicCatalog) -> Bool {
        var names: Set<String> = []
        var used: Set<String> = []
        for member in members.values {
            names.formUnion(member.topicNames)
            if let pattern = member.topicPattern { used.insert(pattern) }
        }
        if matchesVersion != catalog.version || visibleVersion != visible?.version ?? 0 {
            matches = [:]
        }
        matchesVersion = catalog.version
        visibleVersion = visible?.version ?? 0
        matches = matches.filter { used.contains($0.key) }
        patterns = patterns.filter { used.contains($0.key) }
        for text in used {
            if patterns[text] == nil { patterns[text] = .some(Self.compile(text)) }
            if matches[text] == nil {
                // One that does not compile can only come from a record of another broker's.
                let found = (patterns[text] ?? nil)?.matching(catalog.names) ?? []
                matches[text] = visible.map { found.filter($0.contains) } ?? found
            }
            names.formUnion(matches[text]!)
        }
        catalogVersion = catalog.version
        var found: [String: CatalogTopic] = [:]
        for name in names {
            if let topic = catalog.topics[name] { found[name] = topic }
        }
        guard found != topics else { return false }
        topics = found
        changes.insert(.topics)
        return true
    }

    /// Sees what there is to read, and makes a target of another epoch where that, or `isAsked`,
    /// calls for one.
    mutating func renew(_ catalog: TopicCatalog, isAsked: Bool) {
        let isStale =
            catalogVersion != catalog.version || visibleVersion != visible?.version ?? 0
        let isOther = (isAsked || isStale) && readTopics(catalog)
        if isAsked || isOther { bumpEpoch() }
        if epoch != assignmentEpoch { makeTarget() }
    }

    private static func compile(_ text: String) -> NamePattern? {
        do throws(NamePattern.Problem) {
            return try NamePattern(text)
        } catch {
            return nil
        }
    }

    /// Makes the target assignment of the group's epoch.
    mutating func makeTarget() {
        let names = topics.keys.sorted()
        let places = Dictionary(
            uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })
        let order = members.keys.sorted()
        let input = AssignorInput(
            topics: names.map { topics[$0]! },
            members: order.map { id in
                let member = members[id]!
                var read = Set(member.topicNames)
                if let pattern = member.topicPattern { read.formUnion(matches[pattern] ?? []) }
                return AssignorInput.Member(
                    id: id, instanceID: member.instanceID,
                    topics: read.compactMap { places[$0] }.sorted(), previous: member.target)
            })
        for (id, target) in zip(order, assignor.assign(input)) where members[id]!.target != target {
            members[id]!.target = target
            changes.insert(.target(id))
        }
        assignmentEpoch = epoch
        changes.insert(.assignment)
    }

    /// Leads a member on to its target, as far as it and the others have given partitions up.
    ///
    ///     state     what the member says        then
    ///     stable    anything                    on, if the target is of another epoch
    ///     revoking  it owns some of the revoked nothing: others wait for them
    ///     revoking  it owns none of them        they are free; on, in the next epoch
    ///     waiting   anything                    on: what became free meanwhile is its own
    ///
    /// - Parameter owned: what the member says it has; nil where it says nothing.
    mutating func reconcile(_ memberID: String, owned: PartitionSet?, at now: Int64) {
        var member = members[memberID]!
        switch member.state {
        case .stable:
            guard member.epoch != assignmentEpoch else { return }
        case .revoking:
            guard let owned, owned.isDisjoint(with: member.revoked) else { return }
            release(member.revoked, of: memberID)
            member.revoked = []
            // The new epoch keeps late commits of what was given up from counting.
            move(&member, to: min(member.epoch, .max - 1) + 1)
        case .waiting:
            break
        }
        advance(&member, owned: owned, at: now)
        guard member != members[memberID]! else { return }
        members[memberID] = member
        changes.insert(.current(memberID))
    }

    private mutating func advance(
        _ member: inout ConsumerMember, owned: PartitionSet?, at now: Int64
    ) {
        let excess = member.assigned.subtracting(member.target)
        member.assigned.formIntersection(member.target)
        if !excess.isEmpty && owned?.isDisjoint(with: excess) != true {
            member.revoked = excess
            member.state = .revoking
            member.revocationDeadline = now + member.rebalanceTimeout
            return
        }
        release(excess, of: member.id)
        let missing = member.target.subtracting(member.assigned)
        let free = missing.filter { owners[$0] == nil }
        for partition in free { owners[partition] = member.id }
        member.assigned.formUnion(free)
        member.state = free.count == missing.count ? .stable : .waiting
        member.revocationDeadline = nil
        move(&member, to: assignmentEpoch)
    }

    private func move(_ member: inout ConsumerMember, to epoch: Int32) {
        guard member.epoch != epoch else { return }
        member.previousEpoch = member.epoch
        member.epoch = epoch
    }
}
