"""What an earlier driftd stored is read, and what it did not know is not made up."""

from base64 import b85decode

from checks.column import LevelProfile
from checks.correction import Correction
from checks.evidence import Evidence
from checks.reference import Reference
from checks.registry import Task
from checks.suite import evaluate, plan
from checks.verdict import Status
from checks.wish import Wish, Wishes

# Written before profiles held ids, the newest timestamp and numbers of rare categories.
REFERENCE = b85decode(
    "WO8X{bYuVl00RR6000000C=2zl--UUH4Mjl!wruy*DGW@jveo-R8<wnb~$R<Mdu&^s`~DDdj%2@X(ky>"
    ";*Y<7&W}I5d-wI)_xt|yaXr6(fBBc!^ZDcb_4mj1blukV#2-F9T|eiJykE~>FTcI?#!Fa9Ohj2201zPh"
    "`TNjiM<y4e<e~Al<(Tfx8aY68y9BI_5|lZyCPFUvfVo}UsLLF^#yV!C$`}*&+}rb<JS$aIN(3h&qfUUO"
    "yi!)Q$sA*tkLVzm9?!SKGqx%S48qe+&W2Tz1sZnJc9f8w4mxo20Eb06q*TH{i9v=d+c;!v)DhtTW3F^1"
    "59+Wwp|SVO?WU!^?J%#ZeZVp$BIGRNEr-k77+CL^+{y3B%ZY>6GT5h;K{O#EE!$^K9J?Z6zNt-ewhRWg"
    "#947FYwC$WPdQYM4nCBETKJ<Dx@ve>WJ2M}mLhrqqdgl+=UN7xc%N=PPstVmW>51Z*N%Ay3gbfT1yLtn"
    "xpQvtu5JSo`M7<0`IuFCetW#}ajs|l37)P$zR%yDu3v7C$L;0Q|L*zq{#v&$`LA5TcXa;A)$XF44(^Q6"
    "R2>~7mdwU1l!r`5S`=OOIhk;&Y?`ghTx693WHenz)JhhiSv;04=#NnvWz_FcGQ)5h>*$QBp|a_@qRNL&"
    "Dj+z3htb$VmY~`?IL|~W4vggCl-`v(&1U3k&1}(-{!!<2B5{^(T1Q4hE_2(&q{MEDn#5){)n>O)7krzW"
    "m(^BT$F_Qo9D%%B3^LTw@Z<1(LT8QscADyjjVmc8`tH_QlUBP5Gynr}owOaLt&i1Cbh97c)+o&ebp=jw"
    ")@n4X5!u|{fI6of2O?^WM5QC{twW1S38<})a{^}~NOwusp`}Oeo-V_Tu(mUN<jNo%m9VP@8=utC{XAri"
    "<*RuV>$^bSI!Icssxvzj=p&t($?E1a4RwmuDz!SYdNeySx^&fkw8N)4K{K~nx6I<|LMeM8$<@?-zP&^v"
    "chAauzMQ<i^=0^d{MY;!g@|EhrH1T~s(qIuih(H{9>Lc~i8OjGSm)BtAUc~9*tcYh"
)
PROFILE = b85decode(
    "WO8X{bYuVl00{vA000000C=30klSv9Fbsz2wkPp*v;jhC;Z+ct5^B_FBvd(QbQQOI?%73c)vKw#i2V8R"
    "$M)|g%g&&@SEm3?+d}`*Pszmq0?ZCX*@+hB$5>IU!I11VB)d+)0o5KoG-uGpg-^4G24uZ2hB_Z)sZru~"
    "+YeGnnOBv@T4SlHzn{irUEsc+AD70FC>Jor1A1}`0e<=>XD1-JfatjHhZ4&oU}i9GFwR7SYo}GSvB^SH"
    "y)#kjLOGLDZY{chbW;y1Ca)sW=s9cO67h7z>xeBxoFmZ2yyBhW1&l?8nZYHi=_1|2b9*|E(j$@zOMe;1"
    "2Riy`Fce(gvejO*M|*jaH~;Xn_6L9HdHrYNYeE?4Xcx>>t)^TzKuuZ-lF_pLJK1c^%R!h83fu"
)


def test_profiles_and_references_of_the_first_form_keep_their_names() -> None:
    reference = Reference.from_bytes(REFERENCE)
    profile = reference.bins.read(PROFILE)

    assert (profile.rows, profile.ids, profile.newest) == (8, None, None)
    assert (reference.repeats, reference.quiet, reference.varieties) == (None, (), {})
    assert profile.hash == "67e26b4218e86817cc54ada65c37404d"
    column = profile.columns["c"]
    assert isinstance(column, LevelProfile)
    assert (column.others, column.different) == (1, None)


def test_checks_of_what_it_did_not_know_are_unknown_with_the_cause() -> None:
    reference = Reference.from_bytes(REFERENCE)
    entries = plan(
        reference.bins.schema,
        Task.NONE,
        Wishes(named={"cardinality": Wish(columns=("c",))}),
    )

    found = {
        (verdict.check, verdict.column): verdict
        for verdict in evaluate(
            entries,
            reference,
            Evidence(profile=reference.bins.read(PROFILE), span=(0, 100)),
            alpha=0.01,
            correction=Correction.HOLM,
        )
    }

    causes = {
        ("duplicate_ids", None): "the window has no ids that can be told apart",
        ("freshness", None): "no row of the window says when it came",
        ("cardinality", "c"): "an older profile does not say how many rare categories "
        "there are",
    }
    assert {key: found[key].cause for key in causes} == causes
    assert found["constant", "x"].status is Status.PASS
    assert found["missing", "c"].status is Status.PASS
