package model

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// testKey is a public key as ssh-keygen writes it, without a comment. Its 32 bytes count up from 0.
const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

func TestGuestConfigFaults(t *testing.T) {
	t.Parallel()
	port := func(s string) string { return `"network": "n", ` + s }
	key := func(s string) string { return port(`"sshKeys": ["` + s + `"]`) }
	meta := func(s string) string { return port(`"metadata": [` + s + `]`) }
	rsa := "ssh-rsa " + base64.StdEncoding.EncodeToString(sshString("ssh-rsa"))
	only(t, KindPort, []fault{
		{port(`"userData": "#!/bin/sh\nexit 0\n\t\r\n<&>\u00e4"`), "", ""},
		{port(`"userData": "\u0000"`), "spec.userData", "write it as userDataBase64"},
		{port(`"userData": "\u001b[2J"`), "spec.userData", "write it as userDataBase64"},
		{port(`"userData": "\u0085"`), "spec.userData", "write it as userDataBase64"},
		{port(`"userData": "\ufeff#!/bin/sh"`), "spec.userData", "write it as userDataBase64"},
		{port(`"userData": ["a"]`), "spec.userData", "expected text"},
		{port(`"userDataBase64": "H4sIAA=="`), "", ""},
		{port(`"userData": "a", "userDataBase64": "YQ=="`), "spec.userDataBase64", "keep one of them"},
		{port(`"userDataBase64": "H4sIAA"`), "spec.userDataBase64", "is not base64"},
		{port(`"userDataBase64": "H4sI\nAA=="`), "spec.userDataBase64", "is not base64"},
		{port(`"userDataBase64": "H4sIAB=="`), "spec.userDataBase64", "is not base64"}, // bits that nothing decodes
		{port(`"userDataBase64": "H4-_AA=="`), "spec.userDataBase64", "is not base64"},
		{key(testKey), "", ""},
		{key(testKey + " ops@example (laptop)"), "", ""},
		{key(""), "spec.sshKeys[0]", "is empty"},
		{key("ssh-ed25519"), "spec.sshKeys[0]", "has no ssh-ed25519 key"},
		{key(testKey + "\\n" + testKey), "spec.sshKeys[0]", "holds control characters"},
		{key("\\t" + testKey), "spec.sshKeys[0]", "holds control characters"},
		{key(" " + testKey), "spec.sshKeys[0]", "no known type"},
		{key("ssh-dss AAAAB3NzaC1kc3M="), "spec.sshKeys[0]", "no known type"},
		{key(`command=\"id\" ` + testKey), "spec.sshKeys[0]", "no options in front"},
		{key("-----BEGIN OPENSSH PRIVATE KEY-----"), "spec.sshKeys[0]", "is a private key"},
		{key("ssh-rsa " + strings.Fields(testKey)[1]), "spec.sshKeys[0]", "has no ssh-rsa key"},
		{key("ssh-ed25519 !" + strings.Fields(testKey)[1]), "spec.sshKeys[0]", "has no ssh-ed25519 key"},
		{key(rsa), "spec.sshKeys[0]", "has no ssh-rsa key"},
		{port(`"sshKeys": ["` + testKey + `", "` + testKey + `"]`), "spec.sshKeys[1]", "is given already by spec.sshKeys[0]"},
		{meta(`{"key": "role", "value": "web \u00e4"}, {"key": "Role", "value": ""}`), "", ""},
		{meta(`{"value": "web"}`), "spec.metadata[0].key", "is missing"},
		{meta(`{"key": "a/b", "value": ""}`), "spec.metadata[0].key", "is no key"},
		{meta(`{"key": "a\n", "value": ""}`), "spec.metadata[0].key", "is no key"},
		{meta(`{"key": "a", "value": "1"}, {"key": "a", "value": "2"}`), "spec.metadata[1].key", "is given already by spec.metadata[0]"},
		{meta(`{"key": "a", "value": "\u0007"}`), "spec.metadata[0].value", "holds control characters"},
		{meta(`{"key": "a", "value": 1}`), "spec.metadata[0].value", "put it in quotes"},
	})
}

// TestUserDataIsNotInErrors: what is wrong with user data is said without it.
func TestUserDataIsNotInErrors(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, s := range []PortSpec{
		{UserData: secret + strings.Repeat("a", MaxUserData)}, {UserData: secret + "\xff"}, {UserDataBase64: secret + "!"},
		{UserData: secret, UserDataBase64: secret}, {UserDataBase64: strings.Repeat(secret+"x", MaxUserData)},
	} {
		s.Network = "n"
		errs := Validate(Object{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Project: "alpha", Name: "x"}, Spec: &s})
		if len(errs) != 1 || strings.Contains(errs.Error(), secret) {
			t.Errorf("%.200s", errs.Error())
		}
	}
}

func TestUserDataBytes(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]PortSpec{"": {}, "text\n": {UserData: "text\n"}, "\x1f\x8b\x00": {UserDataBase64: "H4sA"}} {
		if got := s.UserDataBytes(); string(got) != want || want == "" && got != nil {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// TestMostOfGuestConfigFits: a port with the most of everything that a guest is configured with is within the bound of an object.
func TestMostOfGuestConfigFits(t *testing.T) {
	t.Parallel()
	s := PortSpec{Network: "n", UserDataBase64: base64.StdEncoding.EncodeToString(make([]byte, MaxUserData))}
	for i := range MaxSSHKeys {
		s.SSHKeys = append(s.SSHKeys, testKey+" "+string(rune('a'+i))+strings.Repeat("x", MaxSSHKeyBytes-len(testKey)-2))
	}
	for i := range MaxMetadata {
		key := strings.Repeat("k", 1+i) + strings.Repeat("m", MaxMetadataBytes-1-i)
		s.Metadata = append(s.Metadata, MetadataItem{key, strings.Repeat("v", MaxMetadataBytes)})
	}
	o := Object{APIVersion: APIVersion, Kind: KindPort, Metadata: Metadata{Project: "alpha", Name: "x"}, Spec: &s}
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeIntent(o.ID(), data); err != nil {
		t.Errorf("%d bytes: %.300s", len(data), err)
	}
}
