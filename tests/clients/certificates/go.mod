module nsq-actors/tests/clients/certificates

go 1.22
