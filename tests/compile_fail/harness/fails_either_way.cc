// expect: error
int main() { return undeclared; }
