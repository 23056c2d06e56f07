package model

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what a guest is configured with. A port with the most of everything still fits MaxIntentBytes, unless JSON has to escape
// much of it.
const (
	MaxUserData      = 64 << 10 // bytes; OpenStack takes as much (65,535 of base64)
	MaxSSHKeys       = 16
	MaxSSHKeyBytes   = 4096 // an RSA key of 16,384 bits has 2,800
	MaxMetadata      = 128  // OpenStack's default quota of a server
	MaxMetadataBytes = 255  // of a key and of a value (OpenStack)
)

// MetadataItem is one word that a guest finds in its metadata, OpenStack's "meta".
type MetadataItem struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// UserDataBytes is what the guest gets as user data; nil when there is none. The spec must be valid.
func (s *PortSpec) UserDataBytes() []byte {
	if s.UserDataBase64 != "" {
		data, _ := base64.StdEncoding.DecodeString(s.UserDataBase64) // valid
		return data
	}
	if s.UserData != "" {
		return []byte(s.UserData)
	}
	return nil
}

// configuresGuest says that the spec has something for the guest itself. Few specs do.
func (s *PortSpec) configuresGuest() bool {
	return s.UserData != "" || s.UserDataBase64 != "" || len(s.SSHKeys) > 0 || len(s.Metadata) > 0
}

// validateGuest checks what the guest is configured with. User data is a secret: no message contains any of it.
func (s *PortSpec) validateGuest(c *Checker) {
	if !s.configuresGuest() {
		return
	}
	s.validateUserData(c)
	for i, key := range s.SSHKeys[:c.atMost("spec.sshKeys", len(s.SSHKeys), MaxSSHKeys)] {
		at := fmt.Sprintf("spec.sshKeys[%d]", i)
		if fault := sshKeyFault(key); fault != "" {
			c.Fail(at, "%s", fault)
		} else if first := slices.Index(s.SSHKeys, key); first < i {
			c.Fail(at, "is given already by spec.sshKeys[%d]: keep one", first)
		}
	}
	s.validateMetadata(c)
}

func (s *PortSpec) validateUserData(c *Checker) {
	if s.UserData != "" && s.UserDataBase64 != "" {
		c.Fail("spec.userDataBase64", "stands beside spec.userData: keep one of them")
		return
	}
	if n := len(s.UserData); n > MaxUserData {
		c.Fail("spec.userData", "has %d bytes, at most %d are allowed: compress it with gzip and write it as userDataBase64", n, MaxUserData)
	} else if !isText(s.UserData) {
		c.Fail("spec.userData", "holds control characters or is not UTF-8: write it as userDataBase64")
	}
	if s.UserDataBase64 == "" {
		return
	}
	data, err := base64.StdEncoding.Strict().DecodeString(s.UserDataBase64)
	switch {
	case err != nil || strings.ContainsAny(s.UserDataBase64, "\r\n"):
		c.Fail("spec.userDataBase64", "is not base64 on one line (RFC 4648 section 4, with padding): encode it with `base64 -w0`")
	case len(data) > MaxUserData:
		c.Fail("spec.userDataBase64", "has %d bytes when it is decoded, at most %d are allowed", len(data), MaxUserData)
	}
}

// isText says that YAML can hold the text (YAML 1.2 section 5.1): UTF-8 with tabs and ends of lines, and no other control characters.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' || r == '\ufeff' || r == '\ufffe' || r == '\uffff'
	})
}

var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_.: -]+$`)

func (s *PortSpec) validateMetadata(c *Checker) {
	seen := make(map[string]int)
	for i, m := range s.Metadata[:c.atMost("spec.metadata", len(s.Metadata), MaxMetadata)] {
		at := fmt.Sprintf("spec.metadata[%d]", i)
		switch first, ok := seen[m.Key]; {
		case m.Key == "":
			c.Fail(at+".key", "is missing: give it a name")
		case len(m.Key) > MaxMetadataBytes:
			c.Fail(at+".key", "has %d bytes, at most %d are allowed", len(m.Key), MaxMetadataBytes)
		case !metadataKey.MatchString(m.Key):
			c.Fail(at+".key", "%s is no key: use letters, digits, spaces and - _ . :", quote(m.Key))
		case ok:
			c.Fail(at+".key", "%s is given already by spec.metadata[%d]: keep one", quote(m.Key), first)
		default:
			seen[m.Key] = i
		}
		if len(m.Value) > MaxMetadataBytes {
			c.Fail(at+".value", "has %d bytes, at most %d are allowed", len(m.Value), MaxMetadataBytes)
		} else if !utf8.ValidString(m.Value) || strings.ContainsFunc(m.Value, unicode.IsControl) {
			c.Fail(at+".value", "holds control characters or is not UTF-8: use printable text")
		}
	}
}

// sshKeyTypes are the public keys that OpenSSH takes (sshd(8), PubkeyAcceptedAlgorithms), without certificates and without DSA, which
// OpenSSH refuses since 7.0.
var sshKeyTypes = []string{"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

// sshKeyFault says what is wrong with a line of authorized_keys (sshd(8)): type, key in base64, comment. Options in front of the type
// are not taken. It is empty when nothing is wrong.
func sshKeyFault(line string) string {
	kind, rest, _ := strings.Cut(line, " ")
	encoded, _, _ := strings.Cut(rest, " ")
	blob, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case line == "":
		return "is empty: write a public key, or remove the item"
	case len(line) > MaxSSHKeyBytes:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(line), MaxSSHKeyBytes)
	case !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl):
		return "holds control characters or is not UTF-8: write one public key on one line"
	case strings.Contains(line, "PRIVATE KEY"):
		return "is a private key: keep it secret, and write the public one (.pub)"
	case !slices.Contains(sshKeyTypes, kind):
		return fmt.Sprintf("begins with %s, which is no known type of key: write the line of the .pub file, with one of %s, and no options in front",
			quote(kind), strings.Join(sshKeyTypes, ", "))
	case err != nil || strings.ContainsAny(encoded, "\r\n") || !bytes.HasPrefix(blob, sshString(kind)) || len(blob) == len(sshString(kind)):
		return fmt.Sprintf("has no %s key in base64 after its type (RFC 4253 section 6.6): copy the whole line of the .pub file", kind)
	}
	return ""
}

// sshString is a string as RFC 4251 section 5 encodes it. A key begins with the name of its type.
func sshString(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}
