#if VARVE_TLS
    import Testing
    import VarveSimulation

    @testable import VarvePlatform

    /// What a certificate is called, by the rules of Java's X500Principal.getName.
    struct DistinguishedNameTests {
        /// OpenSSL's way to write a subject, and Java's.
        static let names = [
            ("/CN=alice", "CN=alice"),
            ("/C=DE/O=example/OU=soc/CN=alice", "CN=alice,OU=soc,O=example,C=DE"),
            ("/O=Ä & Ü/CN=Zoë", "CN=Zoë,O=Ä & Ü"),
            (##"/CN=a,b=c#d;e<f>g"h\\i"##, ##"CN=a\,b\=c\#d\;e\<f\>g\"h\\i"##),
            (#"/O=a\+b/CN=c"#, #"CN=c,O=a\+b"#),
            ("/O=example/CN=alice+UID=42", "CN=alice+UID=42,O=example"),
            ("/DC=org/DC=example/CN=x", "CN=x,DC=example,DC=org"),
            ("/ST=Bavaria/L=Munich/street=Main/CN=x", "CN=x,STREET=Main,L=Munich,ST=Bavaria"),
            ("/CN=  two  ", #"CN=\ \ two\ \ "#),
            // No keyword in RFC 2253: by number, the value as DER.
            (
                "/CN=x/emailAddress=a@b.c",
                "1.2.840.113549.1.9.1=#1605614062" + "2e63,CN=x"
            ),
            ("/serialNumber=7/CN=x", "CN=x,2.5.4.5=#130137"),
        ]

        @Test(arguments: names)
        func aSubjectIsWrittenAsJavaWritesIt(subject: String, expected: String) throws {
            let authority = try TestAuthority()
            let leaf = try authority.leaf("leaf", subject: subject)
            var settings = TLSSettings()
            settings.certificates = .file(leaf.certificate)
            settings.key = .file(leaf.key)
            #expect(try TLSContext.server(settings).subject == expected)
        }
    }
#endif
